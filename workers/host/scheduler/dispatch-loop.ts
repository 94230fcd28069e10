import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { createBatch } from './batch.ts'
import { smaller, unshared } from './batch-limits.ts'
import type { Cutting } from './cutting.ts'
import type { Entry } from './entry.ts'
import { pastDeadline } from './errors.ts'
import { formBatch, rowsOfPart } from './form-batch.ts'
import type { Lanes } from './lanes.ts'
import type { LoadEstimator, RunningBatch } from './load-estimator.ts'
import { Preparations } from './load-queue.ts'
import type { ModelRegistry, ScheduledModel } from './model-registry.ts'
import { unpack } from './pack-rows.ts'
import { finalError, mayRunAgain } from './replay.ts'
import { mayBeCut, runMsOf } from './request-cost.ts'
import type { RequestQueue } from './request-queue.ts'
import type { Turns } from './turns.ts'
import type { BatchedModel } from './work.ts'

export interface DispatcherOptions<S extends BatchedModel> {
  readonly lanes: Lanes<S>
  readonly clock: Clock
  readonly afterTurn: (task: () => void) => void
  readonly cutting?: () => Cutting | undefined
}

/**
 * The share of a request's time that the page's lateness may cost it in estimates. Few answers are very late and most are
 * not, so that the average must not drop requests that have most of their time left.
 */
const mostLateShare = 0.25

/** Weight of a new answer in the moving average of lateness. */
const lateWeight = 0.25

/** Sends batches from the queues to free lanes, and settles their requests. */
export class Dispatcher<S extends BatchedModel> {
  readonly #options: DispatcherOptions<S>
  readonly #models: ModelRegistry<S>
  readonly #load: LoadEstimator<S>
  readonly #preparations: Preparations<S>
  readonly #turns: Turns
  #isTurnPlanned = false
  #cancelWake: () => void = () => {}
  #isClosed = false

  constructor(options: DispatcherOptions<S>, models: ModelRegistry<S>, load: LoadEstimator<S>, turns: Turns) {
    this.#options = options
    this.#turns = turns
    this.#models = models
    this.#load = load
    this.#preparations = new Preparations(options.lanes, () => this.dispatch())
    options.lanes.onFree(() => this.dispatch())
  }

  /** Loads a model into a lane, as soon as one is free. */
  prepare(source: S, signal?: AbortSignal): Promise<void> {
    const prepared = this.#preparations.add(source, signal)
    this.planDispatch()
    return prepared
  }

  /** Dispatches when the callers of this turn have made their requests. */
  planDispatch(): void {
    if (this.#isTurnPlanned) return
    this.#isTurnPlanned = true
    this.#options.afterTurn(() => {
      this.#isTurnPlanned = false
      this.dispatch()
    })
  }

  dispatch(): void {
    if (this.#models.queued === 0) {
      this.#turns.clear()
      if (this.#preparations.size === 0) return
    }
    const { lanes, clock } = this.#options
    this.#cancelWake()
    this.#preparations.startWhereFree()
    for (;;) {
      const now = clock.now()
      const next = this.#models.next(now, lanes)
      if (!next) return
      if (next.at > now) {
        this.#cancelWake = clock.after(next.at - now, () => this.dispatch())
        return
      }
      const { model, queue } = next
      this.#dropLate(queue, model, now)
      const free = lanes.free(model.source)
      this.#cutLong(queue, model, now, free)
      const entries = formBatch(queue, model, now, free)
      // A part that was dropped as late took the rest of its request with it.
      if (entries.length === 0) continue
      for (const entry of entries) {
        if (!entry.turn) continue
        this.#turns.reach(entry.turn)
        entry.turn = undefined
      }
      void this.#run(model, queue, entries, now)
    }
  }

  close(reason: SpillwayError): void {
    this.#isClosed = true
    this.#cancelWake()
    this.#preparations.cancel(reason)
    for (const { queues } of this.#models.all) {
      for (const queue of queues.values()) {
        for (let entry = queue.shift(); entry; entry = queue.shift()) entry.fail(reason)
      }
    }
  }

  /**
   * Under overload, running a request that will be late delays the next one past its deadline, too, and in the end all of
   * them. The last request of a queue runs whatever its estimate: that corrects a wrong estimate. Where the cost is not
   * reliable yet, a request is dropped only after its deadline.
   */
  #dropLate(queue: RequestQueue<S>, model: ScheduledModel<S>, now: number): void {
    const { curve, lateMs } = model
    for (let head = queue.peek(); head && queue.size > 1; head = queue.peek()) {
      const { rows } = head.work
      const mostLateMs = head.deadlineMs * mostLateShare
      const neededMs = curve.isReliable(rows)
        ? runMsOf(model, rows, this.#options.lanes) + Math.min(lateMs, mostLateMs)
        : 0
      if (now + neededMs <= head.deadline) return
      queue.shift()
      if (head.turn) this.#turns.giveBack(head.turn)
      head.fail(pastDeadline(head.deadlineMs, this.#models.queued))
    }
  }

  /** A request that would hold a lane for too long gets it for its first rows; the others wait for their turn. */
  #cutLong(queue: RequestQueue<S>, model: ScheduledModel<S>, now: number, freeLanes: number): void {
    const head = queue.peek()
    if (!head || !mayBeCut(model, head.work) || head.deaths > 0) return
    const cutting = this.#options.cutting?.()
    if (!cutting) return
    const rows = rowsOfPart(queue, head, model, freeLanes)
    if (rows >= head.work.rows) return
    queue.shift()
    const { part, rest } = cutting.cutEntry(head, rows, model, this.#turns, now)
    queue.push(rest)
    queue.unshift(part)
  }

  async #run(
    model: ScheduledModel<S>,
    queue: RequestQueue<S>,
    entries: Entry<S>[],
    since: number,
  ): Promise<void> {
    const { lanes, clock } = this.#options
    const { source, curve, efficiency, lateMs, counts } = model
    const works = entries.map(({ work }) => work)
    let rows = 0
    let requests = 0
    for (const { work, isLast } of entries) {
      rows += work.rows
      if (isLast) requests++
    }
    const running: RunningBatch<S> = { source, curve, lateMs, rows, since }
    this.#load.began(running)
    try {
      const batch = createBatch(model, entries, works, rows, since)
      const ran = await lanes.run(source, batch)
      const { executedOn, startedAt, waitedMs, inputMs, computeMs, costMs } = ran
      const arrivedAt = clock.now()
      curve.learn(rows, costMs)
      efficiency.learn(rows, costMs)
      queue.ran(rows, costMs)
      model.lateMs += lateWeight * (Math.max(0, arrivedAt - startedAt - waitedMs - costMs) - model.lateMs)
      counts.add(requests, rows)
      this.#load.ended(running)
      // The lane runs the next batch while this one is unpacked.
      if (this.#models.queued > 0) this.dispatch()
      const unpackedFrom = clock.now()
      const parts = unpack(ran.outputs, works, rows)
      const answeredAt = clock.now()
      const outputMs = ran.outputMs === undefined ? undefined : ran.outputMs + answeredAt - unpackedFrom
      for (let index = 0; index < entries.length; index++) {
        const entry = entries[index]
        if (!entry) continue
        const queueMs = startedAt - entry.work.askedAt + waitedMs
        entry.settle({
          outputs: parts[index] ?? {},
          executedOn,
          queueMs,
          inputMs,
          computeMs,
          outputMs,
          costMs,
          answeredAt,
          batchRows: rows,
        })
      }
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', `${source.key} failed`)
      if (error.code === 'memory_exhausted') model.limits = smaller(model.limits, rows)
      else if (error.code === 'rows_dependent') model.limits = unshared(model.limits)
      this.#settleFailure(model, entries, error)
    } finally {
      this.#load.ended(running)
      this.dispatch()
    }
  }

  #settleFailure(model: ScheduledModel<S>, batch: readonly Entry<S>[], error: SpillwayError): void {
    const again = batch.filter(
      (entry) => !entry.settled && !this.#isClosed && mayRunAgain(entry, batch.length, error),
    )
    for (const entry of batch) if (!again.includes(entry)) entry.fail(finalError(entry, error))
    for (const failed of again.reverse()) {
      const entry =
        (error.code === 'rows_dependent' && this.#options.cutting?.()?.joinParts(failed)) || failed
      // Two parts of one request may have been in the batch.
      if (!entry.queue) this.#models.queueOf(model, entry.work).unshift(entry)
    }
  }
}
