import { arrayOf, type NumericData } from '../../../models/core/index.ts'
import { bytesPerToken, type KvSpec } from '../../../models/core/kv-spec.ts'
import type { Ort, OrtTensor } from '../runtime/ort.ts'
import type { Logits } from '../sampling/types.ts'
import { type AppendOptions, type DecoderGraph, stepRow } from './decoder-graph.ts'
import type { Kv, KvRow, KvShape, LogitsMode } from './kv.ts'

/** Keys and values of some slots as a run returned them: two arrays a layer, `[slots, heads, stride, headDim]`. */
interface RowGroup {
  readonly slots: readonly number[]
  readonly arrays: readonly NumericData[]
  readonly stride: number
}

/**
 * For runtimes that cannot write into a tensor of the caller: a step's present is the next step's past for as long as
 * the rows stay the same. When rows join or leave, their keys and values are gathered into new arrays, whose stride is
 * the longest row's length.
 */
export class GatheredKv implements Kv {
  readonly #graph: DecoderGraph
  readonly #ort: Ort
  readonly #spec: KvSpec
  #shape: KvShape
  #lengths: number[]
  /** By slot, the group that it is in. */
  #groups: (RowGroup | undefined)[]

  constructor(graph: DecoderGraph, ort: Ort, spec: KvSpec, shape: KvShape) {
    this.#graph = graph
    this.#ort = ort
    this.#spec = spec
    this.#shape = shape
    this.#lengths = new Array<number>(shape.slots).fill(0)
    this.#groups = new Array<RowGroup | undefined>(shape.slots)
  }

  get shape(): KvShape {
    return this.#shape
  }

  length(slot: number): number {
    return this.#lengths[slot] ?? 0
  }

  /** Three copies: the input, the runtime's own, and the output. */
  bytes({ slots, capacity }: KvShape): number {
    return 3 * slots * capacity * bytesPerToken(this.#spec)
  }

  resize(shape: KvShape, from: readonly (number | undefined)[]): void {
    const kept = Array.from({ length: shape.slots }, (_, slot) => {
      const source = from[slot]
      if (source === undefined || this.length(source) === 0) return undefined
      return { group: this.#gather([source], slot), length: Math.min(this.length(source), shape.capacity) }
    })
    this.#shape = shape
    this.#groups = kept.map((slot) => slot?.group)
    this.#lengths = kept.map((slot) => slot?.length ?? 0)
  }

  truncate(slot: number, length: number): number {
    this.#lengths[slot] = Math.min(this.length(slot), length)
    return this.length(slot)
  }

  copyPrefix(from: number, to: number, length: number): number {
    const copied = this.#gather([from], to)
    this.#leaveGroups([to])
    this.#groups[to] = copied
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

  async #append(slot: number, tokens: readonly number[], { adapter, ...logits }: AppendOptions) {
    const past = this.#tensors(this.#groupOf([slot]))
    const rows = [{ tokens, before: this.length(slot), adapter }]
    const output = await this.#graph.run({ rows, past, ...logits })
    this.#adopt([slot], output.present, tokens.length)
    return output
  }

  async decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]> {
    const slots = rows.map(({ slot }) => slot)
    const group = this.#groupOf(slots)
    const output = await this.#graph.run({
      rows: rows.map((row) => stepRow(row, this.length(row.slot))),
      past: this.#tensors(group),
      logitsMode,
    })
    this.#adopt(slots, output.present, 1)
    return rows.map((_, row) => output.logitsOf(row))
  }

  dispose(): void {
    this.#groups = []
    this.#lengths = []
  }

  /** The group of exactly these slots. Slots that shared an old group with them get their own. */
  #groupOf(slots: readonly number[]): RowGroup {
    const [first = 0] = slots
    const group = this.#groups[first]
    const same = group?.slots.length === slots.length && group.slots.every((slot, row) => slot === slots[row])
    // A single row that was truncated is gathered again: a run of several new tokens allows no gap before them.
    if (group && same && (slots.length > 1 || group.stride === this.length(first))) return group
    const gathered = this.#gather(slots)
    this.#leaveGroups(slots)
    for (const slot of slots) this.#groups[slot] = gathered
    return gathered
  }

  /** Gives the others of the slots' groups groups of their own. */
  #leaveGroups(slots: readonly number[]): void {
    for (const left of new Set(slots.map((slot) => this.#groups[slot]))) {
      for (const slot of left?.slots ?? []) {
        if (!slots.includes(slot) && this.#groups[slot] === left) this.#groups[slot] = this.#gather([slot])
      }
    }
  }

  /** @param owner The slot that a single row belongs to from now on, where that changes. */
  #gather(slots: readonly number[], owner?: number): RowGroup {
    const { heads, headDim, layers, type } = this.#spec
    const stride = Math.max(...slots.map((slot) => this.length(slot)))
    const arrays = Array.from({ length: 2 * layers }, (_, index) => {
      const to = new (arrayOf(type))(slots.length * heads * stride * headDim)
      for (const [row, slot] of slots.entries()) {
        const group = this.#groups[slot]
        const from = group?.arrays[index]
        const length = this.length(slot) * headDim
        if (!group || !from || length === 0) continue
        const fromRow = group.slots.indexOf(slot)
        for (let head = 0; head < heads; head++) {
          const start = (fromRow * heads + head) * group.stride * headDim
          copy(from, start, length, to, (row * heads + head) * stride * headDim)
        }
      }
      return to
    })
    return { slots: owner === undefined ? slots : [owner], arrays, stride }
  }

  #tensors({ slots, arrays, stride }: RowGroup): OrtTensor[] {
    const { heads, headDim, type } = this.#spec
    const shape = [slots.length, heads, stride, headDim]
    return arrays.map((data) => this.#ort.createTensor(type, data, shape))
  }

  #adopt(slots: readonly number[], present: readonly OrtTensor[], more: number): void {
    const group: RowGroup = {
      slots,
      arrays: present.map(({ data }) => data as NumericData),
      stride: present[0]?.dims[2] ?? 0,
    }
    for (const slot of slots) {
      this.#groups[slot] = group
      this.#lengths[slot] = this.length(slot) + more
    }
  }
}

/** Both are of the spec's type; engines with a Float16Array give half floats as one. */
function copy(from: NumericData, start: number, length: number, to: NumericData, at: number): void {
  const size = to.BYTES_PER_ELEMENT
  new Uint8Array(to.buffer, to.byteOffset + at * size, length * size).set(
    new Uint8Array(from.buffer, from.byteOffset + start * size, length * size),
  )
}
