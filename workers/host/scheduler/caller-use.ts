import type { Clock } from '../../../models/async/clock.ts'
import type { CallerShare } from './work.ts'

/** Milliseconds after which work counts a third as much. */
const rememberedMs = 5_000

/** How many times as much, by its weight, the usual millisecond's caller has as a modest one. */
const modestTimes = 2

/** Callers that are remembered before those are forgotten that have had next to nothing of late. */
const leastSwept = 1_024

/** Milliseconds that are next to nothing. */
const negligibleMs = 0.1

interface Use {
  ms: number
  /** When that was counted, on the clock. */
  at: number
  weight: number
}

/**
 * What callers have of the lanes: the milliseconds of their accepted requests, of late. Where one fills the lanes, the
 * millisecond that is usual is one of its own; where all ask alike, it is anybody's.
 */
export class CallerUse {
  readonly #clock: Clock
  readonly #uses = new Map<string, Use>()
  /** The sum of all uses, and that of their squares by weight. */
  #sum = 0
  #squares = 0
  #at: number
  #sweepAt = leastSwept

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = clock.now()
  }

  /** Callers that are remembered. */
  get size(): number {
    return this.#uses.size
  }

  /** @param ms What a request of the caller costs, in milliseconds of a lane. */
  add({ caller, weight = 1 }: CallerShare, ms: number): void {
    if (caller === undefined) return
    const now = this.#fade()
    let use = this.#uses.get(caller)
    if (!use) {
      if (this.#uses.size >= this.#sweepAt) this.#sweep(now)
      use = { ms: 0, at: now, weight }
      this.#uses.set(caller, use)
    }
    const before = msOf(use, now)
    this.#squares = Math.max(0, this.#squares - (before * before) / use.weight)
    use.ms = before + ms
    use.at = now
    use.weight = weight
    this.#squares += (use.ms * use.ms) / weight
    this.#sum += ms
  }

  /**
   * Whether the caller has much less than its share, a request that costs so many milliseconds included: half of what the
   * caller has, by its weight, to whom the average millisecond went.
   */
  isModest({ caller, weight = 1 }: CallerShare, ms: number): boolean {
    if (caller === undefined) return false
    const now = this.#fade()
    const use = this.#uses.get(caller)
    const own = (use ? msOf(use, now) : 0) + ms
    return modestTimes * (own / weight) * this.#sum < this.#squares
  }

  #fade(): number {
    const now = this.#clock.now()
    if (now > this.#at) {
      const share = fadedShare(now - this.#at)
      this.#sum *= share
      this.#squares *= share * share
      this.#at = now
    }
    return now
  }

  #sweep(now: number): void {
    for (const [caller, use] of this.#uses) if (msOf(use, now) < negligibleMs) this.#uses.delete(caller)
    this.#sweepAt = Math.max(leastSwept, 2 * this.#uses.size)
  }
}

const fadedShare = (ms: number) => Math.exp(-ms / rememberedMs)

const msOf = ({ ms, at }: Use, now: number) => ms * fadedShare(now - at)
