import { Cost } from './cost.ts'

/** What a further sequence may add to a step, over its share of the step without it. */
const worthwhile = 0.6

/** Steps at a limit before it is changed. */
const leastSteps = 16

/** Full steps after which a limit that did not pay is tried again: a device may be less busy by then. */
const retrySteps = 4_096

/**
 * How many sequences share a step. On many GPUs a step of a hundred takes hardly longer than one of eight, on a CPU nearly
 * as many times as long. So the limit is doubled while all slots are taken, and taken back where that did not pay.
 */
export class SlotLimit {
  readonly #most: number
  #slots: number
  /** The limit before, and what a step of so many took. */
  #before: { readonly slots: number; readonly ms: number } | undefined
  /** Of full steps. */
  #full = new Cost()
  /** Of steps of more sequences than the limit before, over what they may take. */
  #excess = new Cost()
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
    const isFull = sequences === this.#slots
    const isMore = this.#before !== undefined && sequences > this.#before.slots
    // More than the limit are left from a higher one.
    if (sequences > this.#slots || !(isFull || isMore)) return
    this.#steps++
    if (isMore && this.#hasFailed(sequences, ms)) return
    if (!isFull) return
    this.#full.add(ms)
    const { ms: full } = this.#full
    if (this.#steps < leastSteps || full === undefined) return
    const doubled = Math.min(this.#most, 2 * sequences)
    if (doubled > sequences && doubled < this.#tooMany) {
      this.#before = { slots: sequences, ms: full }
      this.#change(doubled)
    } else if (this.#steps > retrySteps) {
      this.#steps = 0
      this.#tooMany = Number.POSITIVE_INFINITY
    }
  }

  /** Takes the limit back where steps of more sequences take too long. */
  #hasFailed(sequences: number, ms: number): boolean {
    const { slots, ms: msBefore } = this.#before ?? { slots: sequences, ms }
    this.#excess.add(ms / (msBefore * (1 + worthwhile * (sequences / slots - 1))))
    const { ms: excess } = this.#excess
    if (this.#steps < leastSteps || excess === undefined || excess <= 1) return false
    this.#tooMany = this.#slots
    this.#before = undefined
    this.#change(slots)
    return true
  }

  #change(slots: number): void {
    this.#slots = slots
    this.#steps = 0
    this.#full = new Cost()
    this.#excess = new Cost()
  }
}
