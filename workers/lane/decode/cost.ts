/** How much a new measurement changes what is known. */
const weight = 0.2

/** How many times what was expected a measurement counts for at most: a pause of the machine is no cost. */
const most = 2

/** A time that is measured again and again. The first measurement is left out: it may have compiled shaders. */
export class Cost {
  #isFirst = true
  #ms: number | undefined

  /** In milliseconds; undefined until it is known. */
  get ms(): number | undefined {
    return this.#ms
  }

  /** @param guess What it is expected to be, before it is known. */
  add(ms: number, guess?: number): void {
    const expected = this.#ms ?? guess
    const bounded = expected ? Math.min(ms, most * expected) : ms
    if (!this.#isFirst) this.#ms = this.#ms === undefined ? bounded : this.#ms + weight * (bounded - this.#ms)
    this.#isFirst = false
  }

  /** Brings it nearer to a lower one. */
  lower(to: number, share: number): void {
    if (this.#ms !== undefined && this.#ms > to) this.#ms += share * (to - this.#ms)
  }
}
