import type { Clock } from '../../models/async/clock.ts'

/** How long requests wait on the server, as it last said. Servers of other makes say nothing: it counts as none. */
export class ServerQueue {
  readonly #clock: Clock
  #ms = 0
  #toldAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  tell(header: string | null): void {
    const ms = Number(header ?? Number.NaN)
    if (ms >= 0 && ms < Number.POSITIVE_INFINITY) this.#note(ms)
  }

  /** An exchange was given up unanswered after so long: whoever comes next would wait as long. */
  unanswered(ms: number): void {
    if (ms > this.ms) this.#note(ms)
  }

  /** Milliseconds that a request would wait there now: less than was told, as the server has worked since. */
  get ms(): number {
    if (this.#ms === 0) return 0
    return Math.max(0, this.#ms - (this.#clock.now() - this.#toldAt))
  }

  #note(ms: number): void {
    this.#ms = ms
    this.#toldAt = this.#clock.now()
  }
}
