import { bytesPerToken, type KvSpec } from '../../../models/core/kv-spec.ts'
import type { Block, Move, OrtTensor, TensorMemory } from '../runtime/ort.ts'
import type { Logits } from '../sampling/types.ts'
import type { DecoderGraph } from './decoder-graph.ts'
import type { Kv, KvRow, KvShape, LogitsMode } from './kv.ts'

/**
 * Every tensor of keys or values is one block `[slots, heads, capacity, headDim]`. The model gets it as past and as
 * present: attention writes each row's next token into it, and nothing is copied.
 *
 * A step runs a range of slots, from its first row's slot to its last row's. Where a tensor cannot begin inside a
 * block, the range begins at slot 0. A slot of the range without a row runs on a dummy token, which does not count.
 */
export class InPlaceKv implements Kv {
  readonly #graph: DecoderGraph
  readonly #memory: TensorMemory
  readonly #spec: KvSpec
  #shape: KvShape
  #blocks: Block[]
  #lengths: number[]
  readonly #views = new Map<string, readonly OrtTensor[]>()
  /**
   * One more slot, where a tensor cannot begin inside a block: prompts are read in it and copied to their slot. `slot`
   * is the slot whose tokens it holds now, not copied back yet.
   */
  #scratch:
    | { readonly blocks: readonly Block[]; readonly tensors: readonly OrtTensor[]; slot?: number }
    | undefined

  constructor(graph: DecoderGraph, memory: TensorMemory, spec: KvSpec, shape: KvShape) {
    this.#graph = graph
    this.#memory = memory
    this.#spec = spec
    this.#shape = shape
    this.#lengths = new Array<number>(shape.slots).fill(0)
    this.#blocks = this.#allocate(shape)
  }

  get shape(): KvShape {
    return this.#shape
  }

  length(slot: number): number {
    return this.#lengths[slot] ?? 0
  }

  bytes({ slots, capacity }: KvShape): number {
    const scratch = slots > 1 && !this.#memory.hasOffsets ? 1 : 0
    return (slots + scratch) * capacity * bytesPerToken(this.#spec)
  }

  resize(shape: KvShape, from: readonly (number | undefined)[]): void {
    this.#flush()
    const blocks = this.#allocate(shape)
    const lengths = Array.from({ length: shape.slots }, (_, slot) => {
      const source = from[slot]
      return source === undefined ? 0 : Math.min(this.length(source), shape.capacity)
    })
    const moves = lengths.flatMap((length, slot) => {
      const source = { blocks: this.#blocks, slot: from[slot] ?? 0, capacity: this.#shape.capacity }
      return length === 0 ? [] : this.#moves(source, { blocks, slot, capacity: shape.capacity }, length)
    })
    this.#memory.copy(moves)
    this.#free()
    this.#shape = shape
    this.#blocks = blocks
    this.#lengths = lengths
  }

  truncate(slot: number, length: number): number {
    this.#lengths[slot] = Math.min(this.length(slot), length)
    return this.length(slot)
  }

  async prefill(
    slot: number,
    tokens: readonly number[],
    logitsMode?: LogitsMode,
  ): Promise<Logits | undefined> {
    const length = this.length(slot)
    const tensors = this.#single(slot)
    const rows = [{ tokens, before: length }]
    const output = await this.#graph.run({
      rows,
      past: tensors,
      present: tensors,
      ...(logitsMode && { logitsMode }),
    })
    this.#lengths[slot] = length + tokens.length
    return logitsMode && output.logitsOf(0)
  }

  async decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]> {
    const { capacity } = this.#shape
    if (rows.some(({ slot }) => slot === this.#scratch?.slot)) this.#flush()
    const slots = rows.map(({ slot }) => slot)
    const first = this.#memory.hasOffsets ? Math.min(...slots) : 0
    const tokens = new Array<number>(Math.max(...slots) + 1 - first).fill(0)
    for (const { slot, token } of rows) tokens[slot - first] = token
    const range = tokens.map((token, row) => {
      const slot = first + row
      // The dummy token overwrites the last token of a full slot, which then has to be read again.
      if (this.length(slot) === capacity) this.#lengths[slot] = capacity - 1
      return { tokens: [token], before: this.length(slot) }
    })
    const tensors = this.#view(first, tokens.length)
    const output = await this.#graph.run({ rows: range, past: tensors, present: tensors, logitsMode })
    for (const slot of slots) this.#lengths[slot] = this.length(slot) + 1
    return slots.map((slot) => output.logitsOf(slot - first))
  }

  dispose(): void {
    this.#free()
  }

  /** Bytes of one token of one head. */
  get #rowBytes(): number {
    return this.#spec.headDim * (this.#spec.type === 'float16' ? 2 : 4)
  }

  get #slotBytes(): number {
    return this.#spec.heads * this.#shape.capacity * this.#rowBytes
  }

  #allocate({ slots, capacity }: KvShape): Block[] {
    const bytes = slots * this.#spec.heads * capacity * this.#rowBytes
    const blocks: Block[] = []
    try {
      while (blocks.length < 2 * this.#spec.layers) blocks.push(this.#memory.allocate(bytes))
    } catch (cause) {
      for (const block of blocks) block.free()
      throw cause
    }
    return blocks
  }

  #free(): void {
    for (const block of [...this.#blocks, ...(this.#scratch?.blocks ?? [])]) block.free()
    this.#views.clear()
    this.#scratch = undefined
  }

  /** `count` slots from `first` on, as tensors that are made once. */
  #view(first: number, count: number): readonly OrtTensor[] {
    const key = `${first} ${count}`
    let view = this.#views.get(key)
    if (!view) {
      view = this.#blocks.map((block) => this.#tensor(block, first * this.#slotBytes, count))
      this.#views.set(key, view)
    }
    return view
  }

  #tensor(block: Block, byte: number, slots: number): OrtTensor {
    const { heads, headDim, type } = this.#spec
    return this.#memory.tensor(block, byte, type, [slots, heads, this.#shape.capacity, headDim])
  }

  /** Tensors of one slot alone: its own, or the scratch with a copy of it. */
  #single(slot: number): readonly OrtTensor[] {
    if (slot === 0 || this.#memory.hasOffsets) return this.#view(slot, 1)
    if (this.#scratch?.slot === slot) return this.#scratch.tensors
    this.#flush()
    if (!this.#scratch) {
      const blocks = this.#allocate({ slots: 1, capacity: this.#shape.capacity })
      this.#scratch = { blocks, tensors: blocks.map((block) => this.#tensor(block, 0, 1)) }
    }
    if (this.length(slot) > 0) this.#copySlot(this.#blocks, slot, this.#scratch.blocks, 0)
    this.#scratch.slot = slot
    return this.#scratch.tensors
  }

  /** Copies the scratch back to its slot. */
  #flush(): void {
    const scratch = this.#scratch
    if (scratch?.slot === undefined) return
    this.#copySlot(scratch.blocks, 0, this.#blocks, scratch.slot)
    delete scratch.slot
  }

  #copySlot(from: readonly Block[], fromSlot: number, to: readonly Block[], toSlot: number): void {
    const bytes = this.#slotBytes
    this.#memory.copy(
      from.flatMap((block, index) => {
        const other = to[index]
        return other
          ? [{ from: block, fromByte: fromSlot * bytes, to: other, toByte: toSlot * bytes, bytes }]
          : []
      }),
    )
  }

  /** Moves a slot's tokens into blocks of another capacity, head by head. */
  #moves(from: SlotBlocks, to: SlotBlocks, tokens: number): Move[] {
    const { heads } = this.#spec
    const row = this.#rowBytes
    return from.blocks.flatMap((block, index) => {
      const other = to.blocks[index]
      if (!other) return []
      return Array.from({ length: heads }, (_, head) => ({
        from: block,
        fromByte: (from.slot * heads + head) * from.capacity * row,
        to: other,
        toByte: (to.slot * heads + head) * to.capacity * row,
        bytes: tokens * row,
      }))
    })
  }
}

/** A slot in blocks of some capacity. */
interface SlotBlocks {
  readonly blocks: readonly Block[]
  readonly slot: number
  readonly capacity: number
}
