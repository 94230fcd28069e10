import type { Clock } from '../../../models/async/clock.ts'
import type { SpillwayError } from '../../../models/core/index.ts'
import { CallerUse } from './caller-use.ts'
import { tooLong } from './errors.ts'
import type { CallerShare } from './work.ts'

/** What a scheduler expects of a request that came now, in milliseconds, as far as costs are known. */
export interface ExpectedWait {
  /** Until its run begins. Callers take turns: work of others that goes after the request is not in it. */
  readonly waitMs: number
  /** The part of it that waits as well: what runs already is not in it. */
  readonly aheadMs: number
  /** The part of that which is not its caller's own. */
  readonly othersMs: number
  /** Its part of a run that it shares with many others. */
  readonly sharedMs: number
  /** Its run. */
  readonly runMs: number
  /** A run of one row. */
  readonly loneMs: number
  /** The longest run that is planned for the model. */
  readonly batchMs: number
  /** For how long a lane that takes the model has been free at least; undefined where none is, or work waits for it. */
  readonly idleMs: number | undefined
  /** Whether a request waits that runs in parts, between which others run. */
  readonly hasLong: boolean
  /** Whether requests for the same model wait already. */
  readonly hasWaiting: boolean
  /** Whether some wait or run. */
  readonly isInFlight: boolean
}

/** Refuses requests that would wait too long. A server has one; in a page they go to the other tier instead. */
export interface AdmissionPolicy {
  /** @param deadlineMs Milliseconds from now within which the answer has to come. */
  refusal(
    expected: ExpectedWait,
    deadlineMs: number | undefined,
    asking: CallerShare,
  ): SpillwayError | undefined
  /** A request that was not refused waits now. */
  accepted(expected: ExpectedWait, asking: CallerShare): void
}

export interface AdmissionOptions {
  readonly clock: Clock
  /** Milliseconds of work that may wait after a moment in which the server was idle. */
  readonly burstMs: number
}

/** Milliseconds of work that may wait for each millisecond in which a lane was idle: a server that is idle a tenth of the time takes bursts. */
const burstPerIdleMs = 10

/** Milliseconds by which a burst shrinks in each millisecond without idleness: it is over after two and a half times its own. */
const burstPerBusyMs = 0.4

/**
 * The share of a burst that may be work of other callers. Many callers that ask at once are more than a burst of one: they may
 * go on, and the first second of an overload should not be worse than the others.
 */
const othersShare = 1 / 4

/** How many times as much as in a busy server may wait before a request of a caller that has little: a burst may be less than a slow run. */
const modestTimes = 3

/** The share of the longest planned run that may wait in a busy server beside a request's own run. */
const batchShare = 0.6

/** The same where a long request waits, in planned runs: others go between its parts, and it fills the lanes whatever they ask for. */
const batchesBesideLong = 3

/**
 * Bounds the wait of requests. A server that catches up with a burst lets more wait than one that stays busy: there, more
 * waiting requests make every answer later and none more, once the next batch is full. So while no lane was idle of late,
 * a request may wait for as much as its own run and some of a batch, beside what runs. Callers that ask for little beside one
 * that fills the lanes may wait as in a burst; decision record 0027 has the reasons.
 */
export class Admission implements AdmissionPolicy {
  readonly #options: AdmissionOptions
  readonly #use: CallerUse
  /** Milliseconds of work that may wait beside what may in a busy server, and since when. */
  #burstMs: number
  #since: number

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#use = new CallerUse(options.clock)
    this.#burstMs = options.burstMs
    this.#since = options.clock.now()
  }

  refusal(
    expected: ExpectedWait,
    deadlineMs: number | undefined,
    asking: CallerShare,
  ): SpillwayError | undefined {
    const { waitMs, aheadMs, othersMs, runMs, loneMs, batchMs, idleMs } = expected
    this.#account(idleMs)
    if (idleMs !== undefined) return undefined
    // One request of each model runs in any case: what its runs are taken to cost may be wrong, and only a run corrects it.
    const neededMs = expected.isInFlight ? runMs : 0
    if (deadlineMs !== undefined && waitMs + neededMs > deadlineMs)
      return tooLong(waitMs, deadlineMs - neededMs)
    if (!expected.hasWaiting) return undefined
    // What comes while a part of a long request runs goes together after it, before the next part.
    const busyMs = Math.max(loneMs, runMs) + (expected.hasLong ? batchesBesideLong : batchShare) * batchMs
    if (aheadMs <= busyMs) return undefined
    const isModest = this.#use.isModest(asking, expected.sharedMs)
    const limitMs = isModest
      ? Math.max(modestTimes * busyMs, this.#options.burstMs)
      : Math.max(busyMs, this.#burstMs)
    if (aheadMs > limitMs) return tooLong(aheadMs, limitMs)
    const othersLimitMs = isModest ? limitMs : Math.max(busyMs, othersShare * this.#burstMs)
    return othersMs > othersLimitMs ? tooLong(othersMs, othersLimitMs) : undefined
  }

  accepted({ sharedMs }: ExpectedWait, asking: CallerShare): void {
    this.#use.add(asking, sharedMs)
  }

  /** A burst is worked off by the lanes, and earned by idle ones. */
  #account(idle = 0): void {
    const { clock, burstMs } = this.#options
    const now = clock.now()
    const idleMs = Math.min(idle, now - this.#since)
    const busyMs = burstPerBusyMs * (now - this.#since - idleMs)
    this.#burstMs = Math.min(burstMs, Math.max(0, this.#burstMs - busyMs) + burstPerIdleMs * idleMs)
    this.#since = now
  }
}
