/** The rate's window: long enough to be steady, short enough to follow the connection. */
const windowMs = 4_000

/** The shortest span that gives a rate. */
const minSpanMs = 500

/** Bytes per second over the last seconds. */
export class DownloadRate {
  readonly #samples: { readonly at: number; readonly bytes: number }[] = []

  /** @param bytes All that came from the network so far. */
  add(at: number, bytes: number): void {
    const last = this.#samples.at(-1)
    // The wait for the first bytes is no part of the rate, and neither is what was before a restart.
    if (bytes === 0 || (last && bytes < last.bytes)) this.#samples.length = 0
    if (bytes === 0) return
    this.#samples.push({ at, bytes })
    // One sample before the window stays, so that the window is always covered.
    while ((this.#samples[1]?.at ?? at) <= at - windowMs) this.#samples.shift()
  }

  get perSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (!first || !last || last.at - first.at < minSpanMs || last.bytes <= first.bytes) return undefined
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000
  }
}
