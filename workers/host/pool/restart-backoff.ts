import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'

/** Milliseconds from a lane's death to the next start in its place, by the number of deaths in the last minute. */
const delays = [0, 100, 300, 1_000, 3_000, 10_000]

const countedForMs = 60_000

/** Attempts to start a lane before a job fails. */
export const maxStarts = 3

/** Milliseconds that a start waits. Where the backoff takes longer, the start fails at once. */
const timeoutMs = 1_000

/** Delays the start of a lane: not after a single crash, and ever longer after repeated ones. */
export class RestartBackoff {
  readonly #clock: Clock
  #deaths: number[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  died(): void {
    this.#deaths = [...this.#recentDeaths(), this.#clock.now()].slice(-delays.length)
  }

  /** Milliseconds until the next start. */
  get waitMs(): number {
    const deaths = this.#recentDeaths()
    const last = deaths.at(-1)
    const delay = delays[deaths.length - 1] ?? 0
    return last === undefined ? 0 : Math.max(0, last + delay - this.#clock.now())
  }

  /**
   * Waits until a lane may be started.
   * @param cause Why the last start failed.
   * @throws SpillwayError `lane_failed` where that takes more than a second.
   */
  async wait(cause: unknown): Promise<void> {
    const { waitMs } = this
    if (waitMs > timeoutMs) {
      throw new SpillwayError(
        'lane_failed',
        'The lane died too often',
        {
          got: 'a lane that may not be started yet',
          retryAfterMs: Math.ceil(waitMs),
          hint: 'The model or the requests to it may be at fault.',
        },
        { cause },
      )
    }
    if (waitMs > 0) await new Promise<void>((resolve) => this.#clock.after(waitMs, resolve))
  }

  #recentDeaths(): number[] {
    const now = this.#clock.now()
    return this.#deaths.filter((at) => now - at < countedForMs)
  }
}
