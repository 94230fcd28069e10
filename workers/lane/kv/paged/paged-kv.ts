import type { KvSpec } from '../../../../models/core/kv-spec.ts'
import type { OrtTensor, TensorMemory } from '../../runtime/ort.ts'
import type { Logits } from '../../sampling/types.ts'
import type { DeviceLogitsOf, DeviceRun, Kv, KvRow, KvShape, LogitsMode, RaggedRow } from '../kv.ts'
import { BlockMemory } from './block-memory.ts'
import { BlockPool } from './block-pool.ts'
import type { PagedGraph, PagedRun } from './paged-graph.ts'

/** Tokens of a block. The kernel wants a power of two, 16 at least. */
export const blockSize = 32

/** Blocks before any text needed more. */
const firstBlocks = 16

/** What a slot holds: the blocks in the order of its tokens, the last not always full. */
interface Table {
  blocks: number[]
  length: number
}

/**
 * Keys and values in blocks of one pool. A slot is a table of blocks, so it takes as much memory as it has tokens, and
 * texts with the same beginning hold the same blocks. Nothing is copied when a slot grows.
 *
 * Blocks that a slot left keep their tokens while no other needs them.
 */
export class PagedKv implements Kv {
  readonly #graph: PagedGraph
  readonly #memory: BlockMemory
  #pool = new BlockPool(blockSize)
  #shape: KvShape
  #tables: Table[]
  /** Blocks that the pool may have. */
  #mostBlocks = Number.POSITIVE_INFINITY
  readonly returnsEach = true

  constructor(graph: PagedGraph, memory: TensorMemory, spec: KvSpec, shape: KvShape) {
    this.#graph = graph
    this.#memory = new BlockMemory(memory, spec, blockSize)
    this.#shape = shape
    this.#tables = Array.from({ length: shape.slots }, emptyTable)
    this.#memory.resize(firstBlocks, 0)
    this.#pool.grow(firstBlocks)
  }

  get shape(): KvShape {
    return this.#shape
  }

  /** Blocks of the pool, those that can be taken, and the bytes of all. */
  get pool(): { readonly blocks: number; readonly available: number; readonly bytes: number } {
    const { size, available } = this.#pool
    return { blocks: size, available, bytes: size * this.#memory.bytesPerBlock }
  }

  length(slot: number): number {
    return this.#tables[slot]?.length ?? 0
  }

  /** Tokens that a slot has blocks for. */
  room(slot: number): number {
    return (this.#tables[slot]?.blocks.length ?? 0) * blockSize
  }

  bytes({ slots, capacity }: KvShape): number {
    return slots * blocksFor(capacity) * this.#memory.bytesPerBlock
  }

  /** Takes no memory: blocks come with the tokens. */
  resize(shape: KvShape, from: readonly (number | undefined)[]): void {
    const tables = Array.from({ length: shape.slots }, (_, slot) => {
      const source = this.#tables[from[slot] ?? -1]
      return source ?? emptyTable()
    })
    for (const table of this.#tables) if (!tables.includes(table)) this.#cut(table, 0)
    for (const table of tables) this.#cut(table, shape.capacity)
    this.#shape = shape
    this.#tables = tables
  }

  truncate(slot: number, length: number): number {
    const table = this.#tables[slot]
    if (table) this.#cut(table, length)
    return this.length(slot)
  }

  copyPrefix(from: number, to: number, length: number): number {
    const [source, target] = [this.#tables[from], this.#tables[to]]
    if (!source || !target || source === target) return this.length(to)
    const blocks = source.blocks.slice(0, blocksFor(length))
    for (const block of blocks) this.#pool.hold(block)
    this.#pool.release(target.blocks)
    target.blocks = [...blocks]
    target.length = length
    return length
  }

  /**
   * Gives an empty slot the blocks that hold the beginning of these tokens, all but the last of them at most.
   * @returns how many tokens the slot holds.
   */
  reuse(slot: number, tokens: readonly number[]): number {
    const table = this.#tables[slot]
    const found = this.found(tokens)
    if (!table || found.length * blockSize <= table.length) return this.length(slot)
    for (const block of found) this.#pool.hold(block)
    this.#pool.release(table.blocks)
    table.blocks = [...found]
    table.length = found.length * blockSize
    return table.length
  }

  /** The blocks that hold the beginning of these tokens. The last token is never among them: a run must be given it. */
  found(tokens: readonly number[]): readonly number[] {
    return this.#pool.find(tokens.slice(0, -1))
  }

  /** Lets other texts find what a slot holds. @param tokens Of the slot's text. */
  remember(slot: number, tokens: readonly number[]): void {
    const table = this.#tables[slot]
    if (table) this.#pool.remember(table.blocks, tokens.slice(0, table.length))
  }

  /** The pool may take so many bytes. Only while no slot holds anything. */
  limit(bytes: number): void {
    this.#mostBlocks = Math.floor(bytes / this.#memory.bytesPerBlock)
    const blocks = Math.min(firstBlocks, this.#mostBlocks)
    if (this.#pool.size === blocks) return
    try {
      this.#memory.resize(blocks, 0)
    } catch {
      // The pool stays as it is.
      return
    }
    this.#reset(blocks)
  }

  /** Takes blocks for so many tokens of a slot. @returns false, with all as before, where there are too few. */
  reserve(slot: number, tokens: number): boolean {
    const table = this.#tables[slot]
    if (!table) return false
    const missing = blocksFor(tokens) - table.blocks.length
    if (missing > 0 && !this.hasBlocks(missing)) return false
    while (table.blocks.length < blocksFor(tokens)) table.blocks.push(this.#take())
    return true
  }

  /**
   * Whether so many blocks can be taken. The pool grows before it gives up what others may want again: by doubling, to what
   * is needed, or at least to what is needed beside all that it can give up.
   */
  hasBlocks(count: number): boolean {
    const { size, empty, available } = this.#pool
    if (count <= empty) return true
    const needed = size + count - empty
    for (const blocks of [Math.max(needed, 2 * size), needed, size + count - available])
      if (blocks > size && blocks <= this.#mostBlocks && this.#grow(blocks)) return true
    return count <= available
  }

  /** Whether so many blocks can be taken, as far as is known before the pool has grown. */
  mayHaveBlocks(count: number): boolean {
    const { size, available } = this.#pool
    return count <= available + Math.max(0, this.#mostBlocks - size)
  }

  /** Whether a slot holds the block. */
  isHeld(block: number): boolean {
    return this.#pool.isHeld(block)
  }

  /** Forgets the tokens of all slots, and those that were kept for others. */
  clear(): void {
    this.#reset(this.#pool.size)
  }

  async prefill(
    slot: number,
    tokens: readonly number[],
    logitsMode?: LogitsMode,
  ): Promise<Logits | undefined> {
    const [logits] = await this.#run([{ slot, tokens }], { logitsAt: [tokens.length - 1] })
    return logitsMode && logits
  }

  prefillEach(slot: number, tokens: readonly number[]): Promise<readonly Logits[]> {
    return this.#run([{ slot, tokens }], { logitsAt: [...tokens.keys()] })
  }

  async prefillInto(slot: number, tokens: readonly number[], logits: DeviceLogitsOf): Promise<void> {
    await this.#run([{ slot, tokens }], { logitsAt: [...tokens.keys()], logits: logits(tokens.length) })
  }

  decode(rows: readonly KvRow[]): Promise<readonly Logits[]> {
    return this.#run(rows.map(asRagged), { logitsAt: [...rows.keys()] })
  }

  async decodeInto(rows: readonly KvRow[], { logits, tokens }: DeviceRun): Promise<readonly number[]> {
    const logitsAt = [...rows.keys()]
    await this.#run(rows.map(asRagged), { logitsAt, logits, tokens: tokens?.reshape([rows.length]) })
    return logitsAt
  }

  /** Rows of any numbers of tokens in one run. @returns the logits after the last token of each, where they are read. */
  ragged(rows: readonly RaggedRow[], logits?: OrtTensor): Promise<readonly Logits[]> {
    let end = 0
    const logitsAt = rows.map(({ tokens }) => {
      end += tokens.length
      return end - 1
    })
    return this.#run(rows, { logitsAt, logits })
  }

  dispose(): void {
    this.#memory.free()
    this.#tables = []
  }

  async #run(
    rows: readonly RaggedRow[],
    run: Pick<PagedRun, 'logitsAt' | 'logits' | 'tokens'>,
  ): Promise<readonly Logits[]> {
    for (const { slot, tokens } of rows) this.#open(slot, tokens.length)
    const logits = await this.#graph.run({
      ...run,
      rows: rows.map(({ slot, tokens }) => ({
        tokens,
        before: this.length(slot),
        blocks: this.#tables[slot]?.blocks.slice(0, blocksFor(this.length(slot) + tokens.length)) ?? [],
      })),
      // The graph's own shape: one row of all tokens.
      logits: run.logits?.reshape([1, run.logitsAt.length, run.logits.dims.at(-1) ?? 0]),
      cache: this.#memory.tensors,
    })
    for (const { slot, tokens } of rows) {
      const table = this.#tables[slot]
      if (table) table.length += tokens.length
    }
    return logits
  }

  /** Blocks for the next tokens of a slot, the first of which may have to be written over. */
  #open(slot: number, tokens: number): void {
    const table = this.#tables[slot]
    if (!table || !this.reserve(slot, table.length + tokens)) throw new RangeError('There are no blocks left')
    if (table.length % blockSize === 0) return
    const at = Math.floor(table.length / blockSize)
    const block = table.blocks[at]
    if (block === undefined || this.#pool.isOwn(block)) return
    if (!this.hasBlocks(1)) throw new RangeError('There are no blocks left')
    const copy = this.#take()
    this.#memory.copy(block, copy)
    this.#pool.release([block])
    table.blocks[at] = copy
  }

  /** Keeps a table's first tokens. */
  #cut(table: Table, length: number): void {
    table.length = Math.min(table.length, length)
    this.#pool.release(table.blocks.splice(blocksFor(table.length)))
  }

  #reset(blocks: number): void {
    this.#pool = new BlockPool(blockSize)
    this.#pool.grow(blocks)
    this.#tables = this.#tables.map(emptyTable)
  }

  #take(): number {
    const block = this.#pool.take()
    if (block === undefined) throw new RangeError('There are no blocks left')
    return block
  }

  #grow(blocks: number): boolean {
    try {
      this.#memory.resize(blocks, this.#pool.size)
    } catch {
      // So much is not asked for again.
      this.#mostBlocks = Math.min(this.#mostBlocks, blocks - 1)
      return false
    }
    this.#pool.grow(blocks)
    return true
  }
}

const emptyTable = (): Table => ({ blocks: [], length: 0 })
const blocksFor = (tokens: number) => Math.ceil(tokens / blockSize)
const asRagged = ({ slot, token }: KvRow): RaggedRow => ({ slot, tokens: [token] })
