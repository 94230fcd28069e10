/** A value that changes, and tells its listeners so. */
export interface Observable<T> {
  readonly value: T
  /** @returns Ends the subscription. */
  subscribe(listener: () => void): () => void
}

/** An observable value, with a hook for its first and its last listener. */
export class Observed<T> implements Observable<T> {
  #value: T
  readonly #listeners = new Set<() => void>()
  readonly #whileObserved: (() => () => void) | undefined
  #end: (() => void) | undefined

  /** @param whileObserved Called with the first listener; what it returns is called after the last has left. */
  constructor(initial: T, whileObserved?: () => () => void) {
    this.#value = initial
    this.#whileObserved = whileObserved
  }

  get value(): T {
    return this.#value
  }

  set value(next: T) {
    this.#value = next
    for (const listener of [...this.#listeners]) listener()
  }

  // A property: frameworks pass it on without its object.
  readonly subscribe = (listener: () => void): (() => void) => {
    // A function of its own, so that the same listener may subscribe twice.
    const entry = () => listener()
    this.#listeners.add(entry)
    if (this.#listeners.size === 1) this.#end ??= this.#whileObserved?.()
    return () => {
      if (!this.#listeners.delete(entry) || this.#listeners.size > 0) return
      // A framework in its strict mode leaves and comes back at once.
      setTimeout(() => {
        if (this.#listeners.size > 0) return
        this.#end?.()
        this.#end = undefined
      })
    }
  }
}
