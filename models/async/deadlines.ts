import type { Clock } from './clock.ts'

/**
 * Calls back for what is not done by its moment on the clock, with one timer for all: to arm and cancel one for each
 * costs more than a call to a small model has. It stays armed when all is done, and then finds nothing.
 */
export class Deadlines<T extends { readonly deadline: number }> {
  readonly #clock: Clock
  readonly #late: (item: T) => void
  readonly #items = new Set<T>()
  #wakesAt = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}

  constructor(clock: Clock, late: (item: T) => void) {
    this.#clock = clock
    this.#late = late
  }

  add(item: T): void {
    this.#items.add(item)
    this.#wakeAt(item.deadline)
  }

  delete(item: T): void {
    this.#items.delete(item)
  }

  /** Forgets all, and returns what it was. */
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
        this.#late(item)
      }
    }
    if (this.#items.size > 0) this.#wakeAt(next)
  }
}
