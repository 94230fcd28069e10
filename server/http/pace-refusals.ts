import type { Clock } from '../../models/async/clock.ts'

/** Refusals of a caller in a second that are answered at once, however few others have. */
export const refusedAtOnce = 50

/** The share of all refusals beyond which a caller's are held back. Under overload callers that ask alike have less each. */
const mostShare = 0.2

/** Milliseconds after which those are answered: `Retry-After` is never shorter. */
export const pauseMs = 1_000

/**
 * A client that asks again as soon as it is refused would keep the server's thread busy with refusals. Node takes one new
 * connection between two rounds over all sockets that have something to read, so those of other callers would wait for
 * seconds. So the refusals of a caller are held back that has had many of them within a second, and most of all.
 */
export class RefusalPace {
  readonly #clock: Clock
  /** Refusals of this second, by caller. */
  readonly #refused = new Map<string | undefined, number>()
  #total = 0
  #endsAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether requests were refused within the last second. */
  get isRefusing(): boolean {
    return this.#clock.now() < this.#endsAt
  }

  /** Resolves when a refusal may be answered; undefined where that is at once. */
  hold(caller: string | undefined): Promise<void> | undefined {
    const now = this.#clock.now()
    if (now >= this.#endsAt) {
      this.#refused.clear()
      this.#total = 0
      this.#endsAt = now + 1_000
    }
    const refused = (this.#refused.get(caller) ?? 0) + 1
    this.#refused.set(caller, refused)
    this.#total++
    if (refused <= refusedAtOnce || refused <= mostShare * this.#total) return undefined
    return new Promise((resolve) => {
      this.#clock.after(pauseMs, resolve)
    })
  }
}

/** Whether the server had no place for the request, or its caller has had what it may have. */
export const isRefusal = (code: string | undefined): boolean =>
  code === 'overloaded' || code === 'rate_limited'
