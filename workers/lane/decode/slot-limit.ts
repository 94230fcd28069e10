import { Cost } from './cost.ts'

/** A step of twice the sequences is worthwhile where it takes no more than so many times as long. */
const worthwhile = 1.6

/** Steps at a limit before it is changed. */
const leastSteps = 16

/** Full steps after which a limit that did not pay is tried again: a device may be less busy by then. */
const retrySteps = 4_096

/**
 * How many sequences share a step. On many GPUs a step of a hundred takes hardly longer than one of eight, on a CPU nearly
 * as many times as long. So the limit is doubled while all slots are taken, and halved where that did not pay.
 */
export class SlotLimit {
  readonly #most: number
  /** Of a step, by the number of its sequences. */
  readonly #costs = new Map<number, Cost>()
  #slots: number
  #steps = 0
  /** A limit that did not pay. */
  #tooMany = Number.POSITIVE_INFINITY

  constructor(first: number, most: number) {
    this.#slots = Math.min(first, most)
    this.#most = most
  }

  get slots(): number {
    return this.#slots
  }

  /** A step that gave each of so many sequences one token. */
  add(sequences: number, ms: number): void {
    // More than the limit are left from a higher one.
    if (sequences !== this.#slots) return
    const cost = this.#costs.get(sequences) ?? new Cost()
    this.#costs.set(sequences, cost)
    cost.add(ms)
    this.#steps++
    if (this.#steps < leastSteps) return
    const doubled = Math.min(this.#most, 2 * sequences)
    const half = this.#costs.get(sequences / 2)?.ms
    if (half !== undefined && cost.ms !== undefined && cost.ms > worthwhile * half) {
      this.#tooMany = sequences
      this.#change(sequences / 2)
    } else if (doubled > sequences && doubled < this.#tooMany) this.#change(doubled)
    else if (this.#steps > retrySteps) {
      this.#tooMany = Number.POSITIVE_INFINITY
      this.#costs.delete(doubled)
    }
  }

  #change(slots: number): void {
    this.#slots = slots
    this.#steps = 0
  }
}
