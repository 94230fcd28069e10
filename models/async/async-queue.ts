/** A queue from one writer to one reader. It is not bounded: its writer sees to that. */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  readonly #onLeave: () => void
  #wake: (() => void) | undefined
  #end: { readonly error?: unknown } | undefined
  #hasReader = false

  /** @param onLeave Called when the reader leaves its loop before the end. */
  constructor(onLeave: () => void = () => {}) {
    this.#onLeave = onLeave
  }

  /** Items that were not read yet. */
  get size(): number {
    return this.#items.length
  }

  push(item: T): void {
    if (this.#end) return
    this.#items.push(item)
    this.#wake?.()
  }

  /** After the last item the loop ends. */
  end(): void {
    this.#end ??= {}
    this.#wake?.()
  }

  /** After the last item the loop throws. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  /** @throws TypeError for a second reader: items would be lost to each of the two. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    if (this.#hasReader) throw new TypeError('A stream can be read once')
    this.#hasReader = true
    try {
      for (;;) {
        while (this.#items.length > 0) yield this.#items.shift() as T
        if (this.#end) break
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
      if ('error' in this.#end) throw this.#end.error
    } finally {
      if (!this.#end) {
        this.#end = {}
        this.#items.length = 0
        this.#onLeave()
      }
    }
  }
}
