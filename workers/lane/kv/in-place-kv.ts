import { bytesPerToken, type KvSpec } from '../../../models/core/language.ts'
import type { Block, Move, OrtTensor, TensorMemory } from '../runtime/ort.ts'
import type { Logits } from '../sampling/types.ts'
import type { DecoderGraph } from './decoder-graph.ts'
import type { Kv, KvRow, KvShape, LogitsMode } from './kv.ts'

/**
 * Every tensor of keys or values is one block `[slots, heads, capacity, headDim]`, given to the model as past and as
 * present: attention writes each row's next token into it, and nothing is copied.
 *
 * A step runs the slots from the first that it wants, or the very first where no tensor may begin inside a block, to
 * the last. One between them that is not wanted is given a token
 * after those it holds, which is forgotten again.
 */
export class InPlaceKv implements Kv {
  readonly #graph: DecoderGraph
  readonly #memory: TensorMemory
  readonly #spec: KvSpec
  #shape: KvShape
  #blocks: Block[]
  #lengths: number[]
  readonly #views = new Map<string, readonly OrtTensor[]>()
  /** A slot of its own for reading, where a tensor cannot begin inside a block, and whose tokens it holds. */
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
    const before = this.#shape
    const blocks = this.#allocate(shape)
    const lengths = Array.from({ length: shape.slots }, (_, slot) => {
      const source = from[slot]
      return source === undefined ? 0 : Math.min(this.length(source), shape.capacity)
    })
    const row = this.#rowBytes
    const moves = lengths.flatMap((length, slot) =>
      length === 0
        ? []
        : this.#moves(
            this.#blocks,
            from[slot] ?? 0,
            before.capacity,
            blocks,
            slot,
            shape.capacity,
            length * row,
          ),
    )
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
    const tensors = this.#readable(slot)
    const rows = [{ tokens, before: length }]
    const logits = await this.#graph.run({
      rows,
      past: tensors,
      present: tensors,
      ...(logitsMode && { logitsMode }),
    })
    this.#lengths[slot] = length + tokens.length
    return logitsMode && logits.of(0)
  }

  async decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]> {
    const { capacity } = this.#shape
    if (rows.some(({ slot }) => slot === this.#scratch?.slot)) this.#flush()
    const slots = rows.map(({ slot }) => slot)
    const first = this.#memory.hasOffsets ? Math.min(...slots) : 0
    const tokens = new Array<number>(Math.max(...slots) + 1 - first).fill(0)
    for (const { slot, token } of rows) tokens[slot - first] = token
    const all = tokens.map((token, row) => {
      const slot = first + row
      // Its last token would be written over.
      if (this.length(slot) === capacity) this.#lengths[slot] = capacity - 1
      return { tokens: [token], before: this.length(slot) }
    })
    const tensors = this.#view(first, tokens.length)
    const logits = await this.#graph.run({ rows: all, past: tensors, present: tensors, logitsMode })
    for (const slot of slots) this.#lengths[slot] = this.length(slot) + 1
    return slots.map((slot) => logits.of(slot - first))
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

  /** The slots as tensors, made once. */
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

  /** One slot's tensors: its own, or the scratch with a copy of what it holds. */
  #readable(slot: number): readonly OrtTensor[] {
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

  /** Puts what was read into its slot. */
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

  /** A slot's tokens into a block of another capacity: head by head. */
  #moves(
    from: readonly Block[],
    fromSlot: number,
    fromCapacity: number,
    to: readonly Block[],
    toSlot: number,
    toCapacity: number,
    bytes: number,
  ): Move[] {
    const { heads } = this.#spec
    const row = this.#rowBytes
    return from.flatMap((block, index) => {
      const other = to[index]
      if (!other) return []
      return Array.from({ length: heads }, (_, head) => ({
        from: block,
        fromByte: (fromSlot * heads + head) * fromCapacity * row,
        to: other,
        toByte: (toSlot * heads + head) * toCapacity * row,
        bytes,
      }))
    })
  }
}
