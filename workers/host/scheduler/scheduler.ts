import { abortedBy } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { Deadlines } from '../../../models/async/deadlines.ts'
import type { SpillwayError } from '../../../models/core/index.ts'
import type { AdmissionPolicy, ExpectedWait } from './admission.ts'
import type { CostCurve } from './cost-curve.ts'
import type { Cutting } from './cutting.ts'
import { Dispatcher } from './dispatch-loop.ts'
import type { entriesToDisplace } from './displaced-entries.ts'
import { type Entry, RequestEntry } from './entry.ts'
import { closed, overloaded, pastDeadline } from './errors.ts'
import { bytesOf } from './form-batch.ts'
import type { Lanes } from './lanes.ts'
import { type Estimate, LoadEstimator } from './load-estimator.ts'
import { ModelRegistry, type ScheduledModel } from './model-registry.ts'
import { rankOf } from './priority.ts'
import { hasPlace, type QueueBounds } from './queue-bounds.ts'
import { costOf, mayBeCut, plannedMs, unknownRows } from './request-cost.ts'
import { type SchedulerStats, statsOf } from './stats.ts'
import { type Turn, Turns } from './turns.ts'
import {
  type BatchedModel,
  type CallerShare,
  passThrough,
  type ResultHandler,
  type RunAnswer,
  type WaitOptions,
  type Work,
} from './work.ts'

export interface SchedulerOptions<S extends BatchedModel> {
  readonly lanes: Lanes<S>
  readonly clock: Clock
  /** Requests of one model that may wait; one more is refused as `overloaded`. */
  readonly maxQueued: number
  /** Their rows and bytes together. Default: any number. */
  readonly maxQueuedRows?: number | undefined
  readonly maxQueuedBytes?: number | undefined
  /** Milliseconds that one run should take at most. */
  readonly targetMs: number
  /**
   * The code by which a request that would take longer runs in parts, which take turns with other requests and share the
   * lanes. It runs at once where the code is absent, or not loaded yet.
   */
  readonly cutting?: () => Cutting | undefined
  /** Refuses requests that would wait too long. Absent: they wait until their deadlines. */
  readonly admission?: AdmissionPolicy | undefined
  /** Makes place in a full queue for another caller. Absent where all requests have one: a page has no use for it. */
  readonly displace?: typeof entriesToDisplace | undefined
  /** Bytes of one batch's inputs. */
  readonly maxBatchBytes: number
  /**
   * Calls back when the callers of this turn have made their requests: after the current task in a page, after all
   * sockets were read in a server. Requests of one turn share a batch, and a lone request does not wait for others.
   */
  readonly afterTurn: (task: () => void) => void
}

/** Weight of a new request in the moving average of rows. */
const usualWeight = 0.05

/** Requests of one turn that are sent before it ends: taking more requests lasts milliseconds, while a lane is idle. */
const burst = 2_048

/**
 * Requests wait here, in one queue a model and shape, until a lane is free; then the waiting requests go in one batch.
 * Work-conserving: no request waits while a lane is idle, unless its manifest says so.
 */
export class Scheduler<S extends BatchedModel> {
  readonly #options: SchedulerOptions<S>
  readonly #models: ModelRegistry<S>
  readonly #load: LoadEstimator<S>
  readonly #dispatcher: Dispatcher<S>
  readonly #deadlines: Deadlines<Entry<S>>
  readonly #turns = new Turns()
  readonly #bounds: QueueBounds
  #closed: SpillwayError | undefined

  constructor(options: SchedulerOptions<S>) {
    const { lanes, clock } = options
    this.#bounds = {
      requests: options.maxQueued,
      rows: options.maxQueuedRows ?? Number.POSITIVE_INFINITY,
      bytes: options.maxQueuedBytes ?? Number.POSITIVE_INFINITY,
    }
    this.#options = options
    this.#models = new ModelRegistry(options)
    this.#load = new LoadEstimator(this.#models, lanes, clock)
    this.#dispatcher = new Dispatcher(options, this.#models, this.#load, this.#turns)
    this.#deadlines = new Deadlines(clock, (entry) =>
      this.#leave(entry, pastDeadline(entry.deadlineMs, this.size)),
    )
  }

  /** Requests that wait. */
  get size(): number {
    return this.#models.queued
  }

  /** Batches in lanes. */
  get pending(): number {
    return this.#load.running.size
  }

  /** Whether a model's queue is full. */
  get isSaturated(): boolean {
    for (const { waiting } of this.#models.all) if (!hasPlace(waiting, this.#bounds, 1, 0)) return true
    return false
  }

  /** What runs of a model cost, as far as is known. */
  costOf(source: S): CostCurve {
    return this.#models.of(source).curve
  }

  /** Sets what runs of a model cost, where it was measured elsewhere or earlier. */
  seed(source: S, curve: CostCurve): void {
    this.#models.of(source).curve = curve
  }

  /** Why a new request of one row would be refused; nothing where it would be accepted. */
  refusal(source: S, wait: WaitOptions = {}): SpillwayError | undefined {
    const model = this.#models.of(source)
    // Its rows are not known yet: it is taken for a usual one.
    return this.#refusal(model, 1, 0, wait, this.#expected(model, Math.exp(model.usualLogRows), wait))
  }

  submit(work: Work<S>, wait?: WaitOptions): Promise<RunAnswer>
  /** @param handler Turns the answer, or the error, into what the promise settles with. */
  submit<T, W extends WaitOptions>(work: Work<S>, wait: W, handler: ResultHandler<S, T, W>): Promise<T>
  submit(
    work: Work<S>,
    wait: WaitOptions = {},
    handler: ResultHandler<S, unknown> = passThrough,
  ): Promise<unknown> {
    const { caller, weight } = wait
    const model = this.#models.of(work.source)
    const bytes = this.#bounds.bytes === Number.POSITIVE_INFINITY ? 0 : bytesOf({ work })
    const expected = this.#expected(model, work.rows, wait)
    const refusal = this.#refusal(model, work.rows, bytes, wait, expected)
    model.usualLogRows += usualWeight * ((work.rows > 1 ? Math.log(work.rows) : 0) - model.usualLogRows)
    if (refusal) return handler.onError(refusal, work, wait)
    if (expected) this.#options.admission?.accepted(expected, wait)
    if (!hasPlace(model.waiting, this.#bounds, work.rows, bytes))
      this.#makePlace(model, work.rows, bytes, wait)
    const turn = caller === undefined ? undefined : this.#takeTurn(caller, model, work, weight)
    // The end of the turn, not its start: a small request of a new caller does not wait behind a large one of each other.
    const rank = rankOf(turn?.end ?? work.askedAt, wait.priority)
    return new Promise((resolve) => {
      const entry = new RequestEntry(work, wait, bytes, turn, rank, handler, resolve)
      if (wait.signal || wait.deadlineMs !== undefined) this.#watch(entry, wait)
      const queue = this.#models.queueOf(model, work)
      queue.push(entry)
      if (queue.size % burst === 0) this.#dispatcher.dispatch()
      else this.#dispatcher.planDispatch()
    })
  }

  /** Loads a model into a lane, as soon as one is free. */
  prepare(source: S, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortedBy(signal))
    if (this.#closed) return Promise.reject(this.#closed)
    return this.#dispatcher.prepare(source, signal)
  }

  /** How long a request of so many rows would wait and run, if it came now. */
  estimate(source: S, rows: number): Estimate {
    return this.#load.estimate(source, rows)
  }

  /** Milliseconds until a request that came now would be answered; undefined while the cost of its model is not known. */
  finishMs(source: S, rows: number): number | undefined {
    return this.#load.finishMs(source, rows)
  }

  stats(): SchedulerStats {
    const { size: queued, pending: running, isSaturated } = this
    return {
      queued,
      maxQueued: this.#options.maxQueued,
      isSaturated,
      running,
      models: [...this.#models.all].map((model) => statsOf(model, this.estimate(model.source, 1))),
    }
  }

  /** @param reason The error of requests that wait, and of later ones. */
  close(reason = closed()): void {
    this.#closed = reason
    this.#dispatcher.close(reason)
    this.#deadlines.close()
  }

  #refusal(
    model: ScheduledModel<S>,
    rows: number,
    bytes: number,
    wait: WaitOptions,
    expected: ExpectedWait | undefined,
  ): SpillwayError | undefined {
    if (wait.signal?.aborted) return abortedBy(wait.signal)
    if (this.#closed) return this.#closed
    const tooLong = expected && this.#options.admission?.refusal(expected, wait.deadlineMs, wait)
    if (tooLong || hasPlace(model.waiting, this.#bounds, rows, bytes)) return tooLong
    return this.#displaced(model, rows, bytes, wait) ? undefined : this.#overloaded(model)
  }

  /** Requests of the callers that have most of a full queue leave it for one of another caller. */
  #makePlace(model: ScheduledModel<S>, rows: number, bytes: number, asking: CallerShare): void {
    const displaced = this.#displaced(model, rows, bytes, asking) ?? []
    for (const entry of displaced) this.#leave(entry, this.#overloaded(model))
  }

  #displaced(model: ScheduledModel<S>, rows: number, bytes: number, asking: CallerShare) {
    return this.#options.displace?.(model, this.#bounds, asking, rows, bytes)
  }

  #overloaded({ source, waiting }: ScheduledModel<S>): SpillwayError {
    return overloaded('Every lane is busy and the queue is full', {
      maxQueued: this.#bounds.requests,
      queued: waiting.requests,
      running: this.pending,
      retryAfterMs: this.estimate(source, 0).queueMs / 2,
    })
  }

  /** What a request would have to expect; nothing where it is not known, or any request may wait. */
  #expected(
    model: ScheduledModel<S>,
    rows: number,
    { caller, weight }: CallerShare,
  ): ExpectedWait | undefined {
    if (!this.#options.admission) return undefined
    const share = caller === undefined ? 1 : this.#turns.shareAhead(caller, costOf(model, rows), weight)
    const ownShare = caller === undefined ? 0 : this.#turns.ownShare(caller)
    return this.#load.expectedWait(model.source, rows, share, ownShare)
  }

  #takeTurn(caller: string, model: ScheduledModel<S>, work: Work<S>, weight: number | undefined): Turn {
    const cost = costOf(model, work.rows)
    if (!mayBeCut(model, work)) return this.#turns.take(caller, cost, weight)
    const first = model.curve.isKnown ? plannedMs(model) : unknownRows
    return this.#turns.take(caller, cost, weight, Math.min(cost, first))
  }

  /** Fails a request at its deadline, or when its caller leaves. */
  #watch(entry: RequestEntry<S>, { signal, deadlineMs }: WaitOptions): void {
    const abort = () => signal && this.#leave(entry, abortedBy(signal))
    signal?.addEventListener('abort', abort, { once: true })
    if (deadlineMs !== undefined) this.#deadlines.add(entry)
    entry.release = () => {
      signal?.removeEventListener('abort', abort)
      this.#deadlines.delete(entry)
    }
  }

  #leave(entry: Entry<S>, error: SpillwayError): void {
    entry.fail(error)
    entry.leave(this.#turns)
  }
}
