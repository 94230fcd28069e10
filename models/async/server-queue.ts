import type { Clock } from './clock.ts'

/** How long requests wait on the server, as it last reported. A server that reports nothing counts as idle. */
export class ServerQueue {
  readonly #clock: Clock
  #ms = 0
  #reportedAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes the queue time that a response's header reports. */
  report(header: string | null): void {
    const ms = Number(header ?? Number.NaN)
    if (ms >= 0 && ms < Number.POSITIVE_INFINITY) this.#set(ms)
  }

  /** An exchange was given up unanswered after `ms`: the next one would wait at least as long. */
  unanswered(ms: number): void {
    if (ms > this.ms) this.#set(ms)
  }

  /** Milliseconds that a request would wait there now: the last report, less the time since. */
  get ms(): number {
    if (this.#ms === 0) return 0
    return Math.max(0, this.#ms - (this.#clock.now() - this.#reportedAt))
  }

  #set(ms: number): void {
    this.#ms = ms
    this.#reportedAt = this.#clock.now()
  }
}
