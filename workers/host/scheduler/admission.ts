import type { Clock } from '../../../models/async/clock.ts'
import type { SpillwayError } from '../../../models/core/index.ts'
import { tooLong } from './errors.ts'

/** What a scheduler expects of a request that came now, in milliseconds, as far as costs are known. */
export interface ExpectedWait {
  /** Until its run begins. Callers take turns: work of others that goes after the request is not in it. */
  readonly waitMs: number
  /** The part of it that waits as well: what runs already is not in it. */
  readonly aheadMs: number
  /** Its run. */
  readonly runMs: number
  /** A run of one row. */
  readonly loneMs: number
  /** Whether a lane is free and nothing waits. */
  readonly isIdle: boolean
  /** Whether a request waits that runs in parts, between which others run. */
  readonly hasLong: boolean
  /** Whether requests for the same model wait already. */
  readonly hasWaiting: boolean
}

/** Refuses requests that would wait too long. A server has one; in a page they go to the other tier instead. */
export interface AdmissionPolicy {
  /** @param deadlineMs Milliseconds from now within which the answer has to come. */
  refusal(expected: ExpectedWait, deadlineMs: number | undefined): SpillwayError | undefined
}

export interface AdmissionOptions {
  readonly clock: Clock
  /** Milliseconds of work that may wait after a moment in which the server was idle. */
  readonly burstMs: number
  /** Milliseconds that one run should take at most, as the scheduler's. */
  readonly targetMs: number
}

/** Milliseconds for which a moment of idleness counts. */
const burstLastsMs = 200

/**
 * Bounds the wait of requests. A server that catches up with a burst lets more wait than one that stays busy: there, more
 * waiting requests make every answer later and none more, once the next batch is full. So while no lane was idle of late,
 * a request may wait for as much as its own run and some of a batch, beside what runs; decision record 0027 has the reasons.
 */
export class Admission implements AdmissionPolicy {
  readonly #options: AdmissionOptions
  #idleAt: number

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#idleAt = options.clock.now()
  }

  refusal(
    { waitMs, aheadMs, runMs, loneMs, isIdle, hasLong, hasWaiting }: ExpectedWait,
    deadlineMs: number | undefined,
  ): SpillwayError | undefined {
    const { clock, burstMs, targetMs } = this.#options
    const now = clock.now()
    if (isIdle) {
      this.#idleAt = now
      return undefined
    }
    if (deadlineMs !== undefined && waitMs + runMs > deadlineMs) return tooLong(waitMs, deadlineMs - runMs)
    // One request of each model waits in any case: estimates may be wrong, and its batch is the next.
    if (!hasWaiting) return undefined
    // What comes while a part of a long request runs goes together after it, before the next part.
    const busyMs = Math.max(loneMs, runMs) + (hasLong ? 1 : 0.47) * targetMs
    const limitMs = now - this.#idleAt <= burstLastsMs ? Math.max(burstMs, busyMs) : busyMs
    return aheadMs > limitMs ? tooLong(aheadMs, limitMs) : undefined
  }
}
