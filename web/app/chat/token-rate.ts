/** Tokens per second of all stories together, from the first token to the last. */
export class TokenRate {
  #tokens = 0
  #firstAt = 0
  #lastAt = 0

  /** @param now Milliseconds, of any clock. */
  add(tokens: number, now: number): void {
    // The first tokens do not count: the wait before them is not part of the rate.
    if (this.#firstAt === 0) this.#firstAt = now
    else this.#tokens += tokens
    this.#lastAt = now
  }

  /** Undefined until time has passed since the first tokens. */
  get perSecond(): number | undefined {
    const seconds = (this.#lastAt - this.#firstAt) / 1000
    return seconds > 0 ? this.#tokens / seconds : undefined
  }
}
