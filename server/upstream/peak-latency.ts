/** Milliseconds after which a latency counts a third. */
const decayMs = 10_000

/**
 * The latency to expect of a replica: an average that jumps to each peak and decays with time, so that a slow replica is
 * avoided at once and tried again later. Source: Finagle's "peak EWMA".
 */
export class PeakLatency {
  #ms = 0
  #at: number | undefined

  add(ms: number, now: number): void {
    const decayed = this.at(now)
    const weight = this.#at === undefined ? 0 : Math.exp((this.#at - now) / decayMs)
    this.#ms = decayed === undefined || ms > decayed ? ms : decayed * weight + ms * (1 - weight)
    this.#at = now
  }

  /** Undefined before the first answer. */
  at(now: number): number | undefined {
    return this.#at === undefined ? undefined : this.#ms * Math.exp((this.#at - now) / decayMs)
  }
}
