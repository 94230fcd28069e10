import type { Clock } from '../../models/async/clock.ts'
import type { GenerateResult } from '../../workers/host/text/types.ts'

/** When a text's tokens came, as its caller waited for them. */
export class Stopwatch {
  readonly #clock: Clock
  readonly #askedAt: number
  #firstAt: number | undefined
  #lastAt: number
  queueMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#askedAt = clock.now()
    this.#lastAt = this.#askedAt
  }

  /** Tokens came. */
  tick(): void {
    this.#lastAt = this.#clock.now()
    this.#firstAt ??= this.#lastAt
  }

  timings(tokens: number): GenerateResult['timings'] {
    const firstAt = this.#firstAt ?? this.#lastAt
    return {
      queueMs: this.queueMs ?? 0,
      firstTokenMs: firstAt - this.#askedAt,
      perTokenMs: tokens > 1 ? (this.#lastAt - firstAt) / (tokens - 1) : 0,
      totalMs: this.#clock.now() - this.#askedAt,
    }
  }
}
