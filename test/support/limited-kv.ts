import type { Kv, KvShape } from '../../workers/lane/kv/kv.ts'

/** Keys and values without a model. A token takes one byte, and the runtime refuses shapes that do not fit. */
export class LimitedKv implements Kv {
  #available: number
  shape: KvShape = { slots: 1, capacity: 16 }
  #lengths = [0]
  refused = 0
  readonly returnsEach: boolean = false

  constructor(available = Number.POSITIVE_INFINITY) {
    this.#available = available
  }

  set available(bytes: number) {
    this.#available = bytes
  }

  length(slot: number) {
    return this.#lengths[slot] ?? 0
  }

  bytes({ slots, capacity }: KvShape) {
    return slots * capacity
  }

  resize(shape: KvShape, from: readonly (number | undefined)[]) {
    // The old shape is freed only after its tokens have been copied.
    if (this.bytes(this.shape) + this.bytes(shape) > this.#available) {
      this.refused++
      throw new RangeError('out of memory')
    }
    this.#lengths = Array.from({ length: shape.slots }, (_, slot) => this.length(from[slot] ?? -1))
    this.shape = shape
  }

  truncate(slot: number, length: number) {
    this.#lengths[slot] = Math.min(this.length(slot), length)
    return this.length(slot)
  }

  copyPrefix(from: number, to: number, length: number) {
    if (length > this.length(from)) throw new RangeError(`Slot ${from} holds fewer tokens`)
    this.#lengths[to] = length
    return length
  }

  async prefill(slot: number, tokens: readonly number[]) {
    this.write(slot, tokens.length)
    return { values: new Float32Array([1]) }
  }

  async prefillEach(slot: number, tokens: readonly number[]) {
    this.write(slot, tokens.length)
    return tokens.map(() => ({ values: new Float32Array([1]) }))
  }

  async decode(rows: readonly { readonly slot: number }[]) {
    return rows.map(({ slot }) => {
      this.write(slot, 1)
      return { values: new Float32Array([1]) }
    })
  }

  /** Adds tokens to a slot, as a run does. */
  write(slot: number, tokens: number) {
    this.#lengths[slot] = this.length(slot) + tokens
    if (this.length(slot) > this.shape.capacity) throw new RangeError(`Slot ${slot} overflows`)
  }

  dispose() {}
}
