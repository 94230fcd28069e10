import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { RetryBudget } from '../../models/async/retry-budget.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { closed, pastDeadline } from '../../workers/host/scheduler/errors.ts'
import type { Deadline, ReplicaCall } from './call.ts'
import { engineError, isFault, isRefusal, retryAfterMs } from './errors.ts'
import { rendezvousOrder } from './rendezvous.ts'
import { type Probe, Replica } from './replica.ts'

/** Sends a request to one replica. */
export type Attempt<T> = (call: ReplicaCall) => Promise<T>

export interface ReplicasOptions {
  /** The upstream in messages. */
  readonly name: string
  readonly urls: readonly URL[]
  readonly clock: Clock
  readonly probe: Probe
  /** Told when a replica goes out, and when it is in again. */
  readonly onChange?: (replica: Replica) => void
}

export interface SendOptions {
  /** The caller's. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from now within which the attempt has to resolve, and what it keeps has to end. */
  readonly deadlineMs?: number | undefined
  /** Requests with the same text go to the same replica, such as those whose prompts begin alike. */
  readonly affinity?: string | undefined
  /** Whether the request may run twice, where a replica fails that may have run it. Default: true. */
  readonly isRepeatable?: boolean
  /** Called once, when the request is no longer in flight: after what its attempt has kept has ended. */
  readonly onEnd?: () => void
}

/** A fifth of the requests, and a few where there were none. */
const retryShare = { initial: 10, earned: 0.2, most: 100 }

/** Attempts of one request. */
const maxAttempts = 3

/** The longest that a retry waits: a caller who could go elsewhere learns of the refusal instead. */
const maxWaitMs = 1_000

/** The wait before a retry at the same replica, where that gives no hint; doubled for each further one. */
const backoffMs = 50

/** Calls in flight beyond twice the mean that a replica may have and still gets the requests of its prefixes. */
const slack = 4

/** The replicas of one upstream. */
export class Replicas {
  readonly all: readonly Replica[]
  /** Retries so far, and those that the budget did not allow. */
  readonly retries = { made: 0, refused: 0 }
  readonly #name: string
  readonly #clock: Clock
  readonly #budget = new RetryBudget(retryShare)
  /** Ends the waits for a replica that can be called. */
  readonly #waiting = new Set<() => void>()
  #closedBy: SpillwayError | undefined

  constructor({ name, urls, clock, probe, onChange = () => {} }: ReplicasOptions) {
    this.#name = name
    this.#clock = clock
    this.all = urls.map(
      (url) =>
        new Replica(url, clock, probe, (replica) => {
          onChange(replica)
          if (!replica.isOut) this.#wake()
        }),
    )
  }

  /** Whether one of them takes requests, as far as is known. */
  get isReady(): boolean {
    return this.all.some(({ isOut }) => !isOut)
  }

  /** The calls in flight at all of them. */
  get inFlight(): number {
    return this.all.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  /** The error with which a request would be refused now; undefined where one of them would be asked, or waited for. */
  refusal(): SpillwayError | undefined {
    return this.#closedBy ?? (this.isReady || this.#isSoonProbed ? undefined : this.#nobodyReady())
  }

  /** Asks all of them whether they are ready. @throws SpillwayError `lane_failed` where none is. */
  async check(): Promise<void> {
    await Promise.all(this.all.map((replica) => replica.check()))
    if (!this.isReady) throw this.#nobodyReady()
  }

  /**
   * Makes a request at the replica that is expected to answer first. A refusal, or a failure of the replica, is retried
   * at another one before the attempt has resolved: at most twice, within the retry budget and the deadline.
   *
   * @param attempt Sends the request. It resolves once the answer is there, or of an answer in parts the first of them;
   * it rejects with a SpillwayError, as `upstreamFetch` does.
   * @throws SpillwayError `deadline_exceeded`, `aborted`, `closed`, or the last attempt's as `engineError` has it.
   */
  async send<T>(attempt: Attempt<T>, options: SendOptions = {}): Promise<T> {
    try {
      return await this.#send(attempt, options)
    } catch (cause) {
      options.onEnd?.()
      throw cause
    }
  }

  async #send<T>(
    attempt: Attempt<T>,
    { signal, deadlineMs, affinity, isRepeatable = true, onEnd = () => {} }: SendOptions,
  ): Promise<T> {
    this.#budget.earn()
    const deadline =
      deadlineMs === undefined ? undefined : { at: this.#clock.now() + deadlineMs, ms: deadlineMs }
    const tried = new Set<Replica>()
    let last: unknown
    for (let attempts = 0; attempts < maxAttempts; attempts++) {
      if (this.#closedBy) throw this.#closedBy
      let replica = this.#pick(tried, affinity)
      if (!replica && this.#isSoonProbed) {
        await this.#waitForOne(signal, deadline)
        if (this.#closedBy) throw this.#closedBy
        replica = this.#pick(tried, affinity)
      }
      if (!replica) break
      tried.add(replica)
      try {
        return await replica.call(attempt, signal, deadline, onEnd)
      } catch (cause) {
        last = cause
        // Its timer may be late, on a machine that is busy.
        if (isPast(deadline, this.#clock) && (isRefusal(cause) || isFault(cause)))
          throw pastDeadline(deadline.ms)
        const waitMs = this.#waitBeforeRetry(cause, attempts, { tried, isRepeatable, deadline })
        if (waitMs === undefined) break
        if (waitMs > 0) await this.#pause(waitMs, signal, deadline)
      }
    }
    throw last === undefined ? this.#nobodyReady() : engineError(last)
  }

  /** @param reason The error of calls in flight, and of later ones. */
  close(reason = closed()): void {
    this.#closedBy = reason
    for (const replica of this.all) replica.close(reason)
    this.#wake()
  }

  /** Waits until a replica can be called again, for as long as a retry may. */
  async #waitForOne(signal: AbortSignal | undefined, deadline: Deadline | undefined): Promise<void> {
    let wake = () => {}
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.add(wake)
    await this.#pause(maxWaitMs, signal, deadline, woken).finally(() => this.#waiting.delete(wake))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  get #isSoonProbed(): boolean {
    return this.all.some(({ isOut, probeInMs }) => isOut && probeInMs <= maxWaitMs)
  }

  #pick(tried: ReadonlySet<Replica>, affinity: string | undefined): Replica | undefined {
    const usable = this.all.filter(({ isOut }) => !isOut)
    const untried = preferred(usable, (replica) => !tried.has(replica))
    const candidates = preferred(untried, ({ restsMs }) => restsMs === 0)
    if (affinity !== undefined && candidates.length > 1) {
      const mean = candidates.reduce((sum, { inFlight }) => sum + inFlight, 0) / candidates.length
      const near = rendezvousOrder(affinity, candidates).find(({ inFlight }) => inFlight <= slack + 2 * mean)
      if (near) return near
    }
    // One that has not answered yet is taken for twice as fast as the fastest, so that it is tried.
    const known = candidates.flatMap(({ latencyMs }) => latencyMs ?? [])
    const least = known.length === 0 ? 1 : Math.min(...known) / 2
    const costOf = ({ latencyMs = least, inFlight }: Replica) => latencyMs * (inFlight + 1)
    return candidates.reduce<Replica | undefined>(
      (best, replica) => (best && costOf(best) <= costOf(replica) ? best : replica),
      undefined,
    )
  }

  /** Milliseconds; undefined where there is no retry. */
  #waitBeforeRetry(
    cause: unknown,
    attempts: number,
    { tried, isRepeatable, deadline }: Retry,
  ): number | undefined {
    if (!isRefusal(cause) && !(isRepeatable && isFault(cause))) return undefined
    if (attempts + 1 >= maxAttempts) return undefined
    const usable = this.all.filter(({ isOut }) => !isOut)
    if (usable.length === 0 && !this.#isSoonProbed) return undefined
    const untried = usable.filter((replica) => !tried.has(replica))
    const waitMs =
      untried.length > 0
        ? Math.min(...untried.map(({ restsMs }) => restsMs))
        : Math.max(backoffMs * 2 ** attempts, ...leastOf(usable.map(({ restsMs }) => restsMs)))
    const leftMs = deadline ? deadline.at - this.#clock.now() : Number.POSITIVE_INFINITY
    if (waitMs > maxWaitMs || waitMs >= leftMs) return undefined
    if (!this.#budget.take()) {
      this.retries.refused++
      return undefined
    }
    this.retries.made++
    return waitMs
  }

  /** Waits, at most until the deadline. @param woken Ends it earlier. @throws SpillwayError `deadline_exceeded` or `aborted`. */
  async #pause(
    ms: number,
    signal: AbortSignal | undefined,
    deadline: Deadline | undefined,
    woken?: Promise<void>,
  ): Promise<void> {
    const leftMs = deadline ? deadline.at - this.#clock.now() : Number.POSITIVE_INFINITY
    let cancel = () => {}
    const pause = new Promise<void>((resolve) => {
      cancel = this.#clock.after(Math.min(ms, Math.max(0, leftMs)), resolve)
    })
    await withAbort(signal, woken ? Promise.race([pause, woken]) : pause).finally(() => cancel())
    if (isPast(deadline, this.#clock)) throw pastDeadline(deadline.ms)
  }

  #nobodyReady(): SpillwayError {
    const next = Math.min(...this.all.map(({ probeInMs }) => probeInMs))
    return new SpillwayError('lane_failed', `No replica of the upstream of ${this.#name} can be called`, {
      expected: 'one that is ready',
      got: this.all.map(({ name, failure }) => failure || `${name} is not`).join('; '),
      retryAfterMs: Math.max(retryAfterMs, Math.ceil(next)),
    })
  }
}

interface Retry {
  readonly tried: ReadonlySet<Replica>
  readonly isRepeatable: boolean
  readonly deadline: Deadline | undefined
}

const isPast = (deadline: Deadline | undefined, clock: Clock): deadline is Deadline =>
  deadline !== undefined && deadline.at <= clock.now()

/** The least of the values, in a list; an empty one where there is none. */
const leastOf = (values: readonly number[]): number[] => (values.length > 0 ? [Math.min(...values)] : [])

/** Those of the items that are preferred, or all where none is. */
function preferred<T>(items: readonly T[], isPreferred: (item: T) => boolean): readonly T[] {
  const some = items.filter(isPreferred)
  return some.length > 0 ? some : items
}
