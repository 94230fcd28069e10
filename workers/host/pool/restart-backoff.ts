/** Milliseconds from a lane's death to the next start in its place, by the deaths of the last minute. */
const delays = [0, 100, 300, 1_000, 3_000, 10_000]

const forgottenAfterMs = 60_000

/** When a lane may be started anew: a single crash costs nothing, a lane that goes on dying is started ever more rarely. */
export class RestartBackoff {
  #deaths: number[] = []

  died(now: number): void {
    this.#deaths = [...this.#deaths, now].filter((at) => now - at < forgottenAfterMs).slice(-delays.length)
  }

  /** Milliseconds that the next start has to wait. */
  waitMs(now: number): number {
    const deaths = this.#deaths.filter((at) => now - at < forgottenAfterMs)
    const last = deaths.at(-1)
    return last === undefined ? 0 : Math.max(0, last + (delays[deaths.length - 1] ?? 0) - now)
  }
}
