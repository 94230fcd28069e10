import { SpillwayError } from '../../models/core/index.ts'
import type { CallerShare } from '../../workers/host/scheduler/work.ts'

/** How many times the places that are left one caller of weight 1 may hold. Alone it gets four fifths; the others find the rest free. */
const share = 4

/** Bounds the requests in flight to one upstream, and of each caller those that would leave the others nothing. */
export class InFlightLimit {
  readonly #name: string
  readonly #most: number
  readonly #byCaller = new Map<string | undefined, number>()
  #inFlight = 0

  /** @param name The upstream in messages. */
  constructor(name: string, most: number) {
    this.#name = name
    this.#most = most
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * The error with which a request would be refused now, if it would be.
   *
   * @param retryAfterMs When another try makes sense.
   */
  refusal({ caller, weight = 1 }: CallerShare, retryAfterMs: number): SpillwayError | undefined {
    const left = this.#most - this.#inFlight
    const own = this.#byCaller.get(caller) ?? 0
    if (left > 0 && own < Math.max(1, weight * share * left)) return undefined
    return new SpillwayError(
      'overloaded',
      `The upstream of ${this.#name} has as many requests as it may have`,
      {
        expected:
          left > 0
            ? `fewer of this caller, with ${left} of ${this.#most} places left`
            : `fewer than ${this.#most} in flight`,
        got: left > 0 ? `${own}` : `${this.#inFlight}`,
        retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)),
        hint: 'Try again later, or send less at once.',
      },
    )
  }

  /** Takes a place. @returns Gives it back. */
  take(caller: string | undefined): () => void {
    this.#inFlight++
    this.#byCaller.set(caller, (this.#byCaller.get(caller) ?? 0) + 1)
    return () => {
      this.#inFlight--
      const own = (this.#byCaller.get(caller) ?? 0) - 1
      if (own > 0) this.#byCaller.set(caller, own)
      else this.#byCaller.delete(caller)
    }
  }
}
