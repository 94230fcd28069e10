import { bytesPerToken, type KvSpec } from '../../../models/core/kv-spec.ts'
import type { Block, Move, OrtTensor, TensorMemory } from '../runtime/ort.ts'
import type { Logits } from '../sampling/types.ts'
import { type AppendOptions, type DecoderGraph, type GraphRun, stepRow } from './decoder-graph.ts'
import type { DeviceLogitsOf, DeviceRun, Kv, KvRow, KvShape, LogitsMode } from './kv.ts'
import { mostTokensOf } from './most-tokens.ts'
import { Places, type Swap } from './places.ts'
import { movesBetween, type Strip } from './strips.ts'

/**
 * Every tensor of keys or values is one block `[slots, heads, capacity, headDim]`. The model gets it as past and as
 * present: attention writes each row's next token into it, and nothing is copied.
 *
 * A step runs its rows only: slots change places in the blocks until those of the rows lie side by side, from the first
 * place on where a tensor cannot begin inside a block.
 */
export class InPlaceKv implements Kv {
  readonly #graph: DecoderGraph
  readonly #memory: TensorMemory
  readonly #spec: KvSpec
  #shape: KvShape
  #blocks: Block[]
  #lengths: number[]
  #places: Places
  readonly #views = new Map<string, readonly OrtTensor[]>()
  #scratch: Scratch | undefined

  constructor(graph: DecoderGraph, memory: TensorMemory, spec: KvSpec, shape: KvShape) {
    this.#graph = graph
    this.#memory = memory
    this.#spec = spec
    this.#shape = shape
    this.#lengths = new Array<number>(shape.slots).fill(0)
    this.#places = new Places(shape.slots)
    this.#blocks = this.#allocate(shape)
  }

  get shape(): KvShape {
    return this.#shape
  }

  get mostTokens(): number {
    return mostTokensOf(this.#memory, this.#shape)
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
    const moves = lengths.flatMap((length, slot) =>
      blocks.flatMap((block, index) => {
        const source = this.#strip(this.#blocks[index], this.#places.of(from[slot] ?? 0))
        return this.#moves(source, { block, place: slot, capacity: shape.capacity }, length)
      }),
    )
    this.#memory.copy(moves)
    this.#free()
    this.#graph.shrink()
    this.#shape = shape
    this.#places = new Places(shape.slots)
    this.#blocks = blocks
    this.#lengths = lengths
  }

  truncate(slot: number, length: number): number {
    this.#lengths[slot] = Math.min(this.length(slot), length)
    return this.length(slot)
  }

  copyPrefix(from: number, to: number, length: number): number {
    this.#flush()
    const [place, otherPlace] = [this.#places.of(from), this.#places.of(to)]
    // A GPU copies nothing within a buffer.
    const between = this.#memory.hasOffsets ? undefined : this.#allocatedScratch().blocks
    this.#memory.copy(
      this.#blocks.flatMap((block, index) => {
        const [here, there] = [this.#strip(block, place), this.#strip(block, otherPlace)]
        if (!between) return this.#moves(here, there, length)
        const out = this.#strip(between[index], 0)
        return [...this.#moves(here, out, length), ...this.#moves(out, there, length)]
      }),
    )
    this.#lengths[to] = length
    return length
  }

  get returnsEach(): boolean {
    return this.#graph.returnsEach
  }

  async prefill(
    slot: number,
    tokens: readonly number[],
    logitsMode?: LogitsMode,
    adapter?: number,
  ): Promise<Logits | undefined> {
    const output = await this.#append(slot, tokens, { logitsMode, adapter })
    return logitsMode && output.logitsOf(0)
  }

  async prefillEach(slot: number, tokens: readonly number[], adapter?: number): Promise<readonly Logits[]> {
    return (await this.#append(slot, tokens, { logitsMode: 'all', wantsEach: true, adapter })).each()
  }

  async prefillInto(
    slot: number,
    tokens: readonly number[],
    logits: DeviceLogitsOf,
    adapter?: number,
  ): Promise<void> {
    const device = { logits: logits(tokens.length) }
    await this.#append(slot, tokens, { device, wantsEach: true, adapter })
  }

  async #append(slot: number, tokens: readonly number[], { adapter, ...logits }: AppendOptions) {
    const length = this.length(slot)
    const tensors = this.#single(slot)
    const rows = [{ tokens, before: length, adapter }]
    const output = await this.#graph.run({ rows, past: tensors, present: tensors, ...logits })
    this.#lengths[slot] = length + tokens.length
    return output
  }

  async decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]> {
    const { output, placeOf } = await this.#step(rows, { logitsMode })
    return rows.map((row) => output.logitsOf(placeOf(row)))
  }

  async decodeInto(rows: readonly KvRow[], device: DeviceRun): Promise<readonly number[]> {
    const { placeOf } = await this.#step(rows, { device })
    return rows.map(placeOf)
  }

  /** @returns also where in the run each row was. */
  async #step(rows: readonly KvRow[], logits: Pick<GraphRun, 'logitsMode' | 'device'>) {
    const { first, inRun } = this.#gather(rows)
    const tensors = this.#view(first, rows.length)
    const output = await this.#graph.run({
      rows: inRun.map((row) => stepRow(row, this.length(row.slot))),
      past: tensors,
      present: tensors,
      ...logits,
    })
    for (const { slot } of rows) this.#lengths[slot] = this.length(slot) + 1
    return { output, placeOf: ({ slot }: KvRow) => this.#places.of(slot) - first }
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

  /** Brings the rows' slots side by side. @returns the first one's place, and the rows in the order of their places. */
  #gather(rows: readonly KvRow[]): { readonly first: number; readonly inRun: readonly KvRow[] } {
    if (rows.some(({ slot }) => slot === this.#scratch?.slot)) this.#flush()
    const slots = rows.map(({ slot }) => slot)
    const { first, swaps } = this.#places.gather(slots, this.#memory.hasOffsets)
    for (const swap of swaps) this.#swap(swap)
    const inRun = rows.toSorted((one, other) => this.#places.of(one.slot) - this.#places.of(other.slot))
    return { first, inRun }
  }

  /** Swaps what two slots' places hold. Both leave their block on the way: a GPU copies nothing within a buffer. */
  #swap([one, other]: Swap): void {
    const [place, otherPlace] = [this.#places.of(one), this.#places.of(other)]
    const [tokens, otherTokens] = [this.length(one), this.length(other)]
    this.#flush()
    this.#places.swap(one, other)
    if (tokens + otherTokens === 0) return
    const { hasOffsets } = this.#memory
    const room = hasOffsets
      ? [this.#memory.allocate(this.#slotBytes), this.#memory.allocate(this.#slotBytes)]
      : this.#allocatedScratch().blocks
    this.#memory.copy(
      this.#blocks.flatMap((block, index) => {
        const [here, there] = [this.#strip(block, place), this.#strip(block, otherPlace)]
        // The moves are made in order, so any two blocks are free again for the next one's.
        const [out, otherOut] = [index, index + 1].map((at) => this.#strip(room[at % room.length], 0))
        return [
          ...this.#moves(here, out, tokens),
          ...this.#moves(there, otherOut, otherTokens),
          ...this.#moves(out, there, tokens),
          ...this.#moves(otherOut, here, otherTokens),
        ]
      }),
    )
    if (hasOffsets) for (const block of room) block.free()
  }

  /** `count` places from `first` on, as tensors that are made once. */
  #view(first: number, count: number): readonly OrtTensor[] {
    const key = `${first} ${count}`
    const made = () => this.#blocks.map((block) => this.#tensor(block, first * this.#slotBytes, count))
    const view = this.#views.get(key) ?? made()
    this.#views.set(key, view)
    return view
  }

  #tensor(block: Block, byte: number, slots: number): OrtTensor {
    const { heads, headDim, type } = this.#spec
    return this.#memory.tensor(block, byte, type, [slots, heads, this.#shape.capacity, headDim])
  }

  /** Tensors of one slot alone: its own, or the scratch with a copy of it. */
  #single(slot: number): readonly OrtTensor[] {
    const place = this.#places.of(slot)
    if (place === 0 || this.#memory.hasOffsets) return this.#view(place, 1)
    if (this.#scratch?.slot === slot) return this.#scratch.tensors
    this.#flush()
    const scratch = this.#allocatedScratch()
    if (this.length(slot) > 0) this.#copySlot(this.#blocks, place, scratch.blocks, 0)
    scratch.slot = slot
    return scratch.tensors
  }

  #allocatedScratch(): Scratch {
    if (!this.#scratch) {
      const blocks = this.#allocate({ slots: 1, capacity: this.#shape.capacity })
      this.#scratch = { blocks, tensors: blocks.map((block) => this.#tensor(block, 0, 1)) }
    }
    return this.#scratch
  }

  /** Copies the scratch back to its slot. */
  #flush(): void {
    const scratch = this.#scratch
    if (scratch?.slot === undefined) return
    this.#copySlot(scratch.blocks, 0, this.#blocks, this.#places.of(scratch.slot))
    delete scratch.slot
  }

  #copySlot(from: readonly Block[], fromPlace: number, to: readonly Block[], toPlace: number): void {
    const bytes = this.#slotBytes
    this.#memory.copy(
      from.flatMap((block, index) => {
        const other = to[index]
        return other
          ? [{ from: block, fromByte: fromPlace * bytes, to: other, toByte: toPlace * bytes, bytes }]
          : []
      }),
    )
  }

  #strip(block: Block | undefined, place: number): Strip | undefined {
    return block && { block, place, capacity: this.#shape.capacity }
  }

  #moves(from: Strip | undefined, to: Strip | undefined, tokens: number): Move[] {
    return from && to
      ? movesBetween(from, to, { tokens, heads: this.#spec.heads, rowBytes: this.#rowBytes })
      : []
  }
}

/** One more slot, where a tensor cannot begin inside a block: prompts are read in it and copied to their slot. */
interface Scratch {
  readonly blocks: readonly Block[]
  readonly tensors: readonly OrtTensor[]
  /** The slot whose tokens it holds, not copied back yet. */
  slot?: number
}
