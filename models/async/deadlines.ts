import type { Clock } from './clock.ts'

/**
 * Calls back for each item that is still there at its deadline. One timer serves all items, because setting and clearing
 * one for each costs more than a call to a small model. The timer stays set when the items are gone, and then finds none.
 */
export class Deadlines<T extends { readonly deadline: number }> {
  readonly #clock: Clock
  readonly #onLate: (item: T) => void
  readonly #items = new Set<T>()
  #wakesAt = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}
  #isClosed = false

  constructor(clock: Clock, onLate: (item: T) => void) {
    this.#clock = clock
    this.#onLate = onLate
  }

  get size(): number {
    return this.#items.size
  }

  add(item: T): void {
    this.#items.add(item)
    this.#wakeAt(item.deadline)
  }

  delete(item: T): void {
    this.#items.delete(item)
    if (this.#isClosed && this.#items.size === 0) this.clear()
  }

  /** From now on the timer ends with the last item: it would keep a process that has nothing else to do. */
  close(): void {
    this.#isClosed = true
    if (this.#items.size === 0) this.clear()
  }

  /** Removes and returns all items. */
  clear(): readonly T[] {
    const left = [...this.#items]
    this.#items.clear()
    this.#cancel()
    this.#wakesAt = Number.POSITIVE_INFINITY
    return left
  }

  #wakeAt(moment: number): void {
    if (moment >= this.#wakesAt) return
    this.#cancel()
    this.#wakesAt = moment
    this.#cancel = this.#clock.after(moment - this.#clock.now(), () => this.#check())
  }

  #check(): void {
    this.#wakesAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const item of this.#items) {
      if (item.deadline > now) next = Math.min(next, item.deadline)
      else {
        this.#items.delete(item)
        this.#onLate(item)
      }
    }
    if (this.#items.size > 0) this.#wakeAt(next)
  }
}
