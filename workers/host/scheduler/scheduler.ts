import type { Clock } from '../../../models/async/clock.ts'
import { Deadlines } from '../../../models/async/deadlines.ts'
import { abortedBy } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { limitsOf, smaller, whenAllLeft, withinMs } from './batch-limits.ts'
import { CostCurve } from './cost-curve.ts'
import { closed, finalError, maxDeaths, pastDeadline } from './errors.ts'
import { type BatchLimits, formBatch, readyAt } from './form-batch.ts'
import type { Lanes } from './lanes.ts'
import { pack, unpack } from './pack.ts'
import { Entry, RequestQueue } from './request-queue.ts'
import { shapeKeyOf } from './shape-key.ts'
import type { Counts, SchedulerStats } from './stats.ts'
import {
  type BatchedModel,
  passThrough,
  type ResultHandler,
  type RunAnswer,
  type WaitOptions,
  type Work,
} from './work.ts'

export interface SchedulerOptions<S extends BatchedModel> {
  readonly lanes: Lanes<S>
  readonly clock: Clock
  /** Past so many requests that wait, one more is refused as `overloaded`. */
  readonly maxQueued: number
  /** Milliseconds that one run should take at most. */
  readonly targetMs: number
  /** Bytes of one batch's inputs. */
  readonly maxBatchBytes: number
  /**
   * Calls back when those who ask together have asked: after the caller's own turn in a page, after all
   * the sockets' turns in a server. What comes in between shares a batch, and a lone request waits for nothing.
   */
  readonly afterTurn: (task: () => void) => void
}

/** When a request that comes now would be answered, as far as is known. */
export interface Estimate {
  readonly queueMs: number
  readonly runMs: number
}

interface Model<S extends BatchedModel> {
  readonly source: S
  /** They shrink where memory turned out to be short. */
  limits: BatchLimits
  curve: CostCurve
  readonly queues: Map<string, RequestQueue<S>>
  readonly counts: Counts
}

interface Preparation<S extends BatchedModel> {
  readonly source: S
  start(): void
  cancel(reason: SpillwayError): void
}

interface Running<S extends BatchedModel> {
  readonly source: S
  readonly curve: CostCurve
  readonly rows: number
  readonly since: number
}

/** Requests of one turn that are sent before it ends: asking for more takes milliseconds in which a lane could run these. */
const burst = 2_048

/**
 * Requests wait here, in one line a model and shape, until a lane is free; what waited goes in one batch.
 * Work-conserving: no request waits while a lane is idle, unless its manifest says so.
 */
export class Scheduler<S extends BatchedModel> {
  readonly #options: SchedulerOptions<S>
  readonly #models = new Map<string, Model<S>>()
  readonly #preparing: Preparation<S>[] = []
  readonly #running = new Set<Running<S>>()
  readonly #deadlines: Deadlines<Entry<S>>
  #queued = 0
  #turnPlanned = false
  #cancelWake: () => void = () => {}
  #closed = false

  constructor(options: SchedulerOptions<S>) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, (entry) =>
      this.#leave(entry, pastDeadline(entry.deadlineMs, this.#queued)),
    )
    options.lanes.onFree(() => this.#dispatch())
  }

  /** Requests that wait. */
  get size(): number {
    return this.#queued
  }

  /** Batches in lanes. */
  get pending(): number {
    return this.#running.size
  }

  get isSaturated(): boolean {
    return this.#queued >= this.#options.maxQueued
  }

  /** What runs of a source cost, as far as is known. */
  costOf(source: S): CostCurve {
    return this.#modelOf(source).curve
  }

  /** Takes what was measured elsewhere, or earlier, for what runs of a source cost. */
  seed(source: S, curve: CostCurve): void {
    this.#modelOf(source).curve = curve
  }

  /** Why a request that came now would not be taken; nothing where it would. */
  refusal(source: S, signal?: AbortSignal): SpillwayError | undefined {
    if (signal?.aborted) return abortedBy(signal)
    if (this.#closed) return closed()
    if (!this.isSaturated) return undefined
    return new SpillwayError('overloaded', 'Every lane is busy and the queue is full', {
      expected: `fewer than ${this.#options.maxQueued} waiting`,
      got: `${this.size} waiting, ${this.pending} running`,
      // About half of what waits is done by then.
      retryAfterMs: Math.max(1, Math.ceil(this.estimate(source, 0).queueMs / 2)),
      hint: 'Try again later, or send less at once.',
    })
  }

  submit(work: Work<S>, wait?: WaitOptions): Promise<RunAnswer>
  /** @param reader Makes of the answer, or of the error, what the promise comes to. */
  submit<T, W extends WaitOptions>(work: Work<S>, wait: W, reader: ResultHandler<S, T, W>): Promise<T>
  submit(
    work: Work<S>,
    wait: WaitOptions = {},
    reader: ResultHandler<S, unknown> = passThrough,
  ): Promise<unknown> {
    const refusal = this.refusal(work.source, wait.signal)
    if (refusal) return reader.onError(refusal, work, wait)
    return new Promise((resolve) => {
      const entry = new Entry(work, wait, reader, resolve)
      if (wait.signal || wait.deadlineMs !== undefined) this.#watch(entry, wait)
      const queue = this.#queueOf(work)
      queue.push(entry, wait.priority ?? 'normal')
      this.#queued++
      if (queue.size % burst === 0) this.#dispatch()
      else this.#planTurn()
    })
  }

  /** Loads a model into a lane, as soon as one is free. */
  prepare(source: S, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortedBy(signal))
    if (this.#closed) return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      const job: Preparation<S> = {
        source,
        start: () => {
          signal?.removeEventListener('abort', abort)
          this.#options.lanes
            .prepare(source)
            .then(resolve, reject)
            .finally(() => this.#dispatch())
        },
        cancel: reject,
      }
      const abort = () => {
        const position = this.#preparing.indexOf(job)
        if (position >= 0) this.#preparing.splice(position, 1)
        if (signal) reject(abortedBy(signal))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#preparing.push(job)
      this.#planTurn()
    })
  }

  /** What a request of `rows` would wait and run, if it came now. */
  estimate(source: S, rows: number): Estimate {
    const { lanes, clock } = this.#options
    const now = clock.now()
    let ahead = 0
    for (const { source: other, curve, rows: inLane, since } of this.#running) {
      if (lanes.shared(source, other)) ahead += Math.max(0, curve.predict(inLane) - (now - since))
    }
    for (const { source: other, curve, queues } of this.#models.values()) {
      if (!lanes.shared(source, other)) continue
      for (const queue of queues.values()) ahead += curve.predict(queue.rows)
    }
    const runMs = this.#models.get(source.key)?.curve.predict(rows) ?? 0
    return { queueMs: ahead / lanes.count(source), runMs }
  }

  stats(): SchedulerStats {
    const models = [...this.#models.values()].map(({ source, queues, counts }) => ({
      session: source.key,
      queued: sumOf(queues, ({ size }) => size),
      queueMs: this.estimate(source, 0).queueMs,
      ...counts,
      meanBatch: counts.batches === 0 ? 0 : counts.rows / counts.batches,
    }))
    const { size: queued, pending: running, isSaturated } = this
    return { queued, maxQueued: this.#options.maxQueued, isSaturated, running, models }
  }

  close(): void {
    this.#closed = true
    this.#queued = 0
    this.#cancelWake()
    for (const { cancel } of this.#preparing.splice(0)) cancel(closed())
    for (const { queues } of this.#models.values()) {
      for (const queue of queues.values()) {
        for (let entry = queue.shift(); entry; entry = queue.shift()) entry.fail(closed())
      }
    }
  }

  /** Sees to it that a request is let go at its deadline or its caller's word. */
  #watch(entry: Entry<S>, { signal, deadlineMs }: WaitOptions): void {
    const abort = () => signal && this.#leave(entry, abortedBy(signal))
    signal?.addEventListener('abort', abort, { once: true })
    if (deadlineMs !== undefined) this.#deadlines.add(entry)
    entry.release = () => {
      signal?.removeEventListener('abort', abort)
      this.#deadlines.delete(entry)
    }
  }

  /** What runs cannot be called back: its result is dropped. */
  #leave(entry: Entry<S>, error: SpillwayError): void {
    const { queue } = entry
    entry.fail(error)
    if (queue) {
      queue.drop(entry)
      this.#queued--
    }
    entry.onLeave?.()
  }

  #modelOf(source: S): Model<S> {
    let model = this.#models.get(source.key)
    if (!model) {
      model = {
        source,
        limits: limitsOf(source, this.#options),
        curve: new CostCurve(),
        queues: new Map(),
        counts: { requests: 0, rows: 0, batches: 0, largestBatch: 0 },
      }
      this.#models.set(source.key, model)
    }
    return model
  }

  #queueOf(work: Work<S>): RequestQueue<S> {
    const model = this.#modelOf(work.source)
    const shapeKey = shapeKeyOf(work)
    let queue = model.queues.get(shapeKey)
    if (!queue) {
      queue = new RequestQueue()
      model.queues.set(shapeKey, queue)
    }
    return queue
  }

  #planTurn(): void {
    if (this.#turnPlanned) return
    this.#turnPlanned = true
    this.#options.afterTurn(() => {
      this.#turnPlanned = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    if (this.#queued === 0 && this.#preparing.length === 0) return
    const { lanes, clock } = this.#options
    this.#cancelWake()
    for (const job of [...this.#preparing]) {
      if (lanes.free(job.source) === 0) continue
      this.#preparing.splice(this.#preparing.indexOf(job), 1)
      job.start()
    }
    for (;;) {
      const now = clock.now()
      const next = this.#nextQueue(now)
      if (!next) return
      if (next.at > now) {
        this.#cancelWake = clock.after(next.at - now, () => this.#dispatch())
        return
      }
      const { model, queue } = next
      this.#dropLate(queue, model.curve, now)
      const entries = formBatch(queue, model.curve, model.limits, now, lanes.free(model.source))
      this.#queued -= entries.length
      void this.#run(model, entries, now)
    }
  }

  /**
   * With more asked than can be done, a run for one that will be late anyway makes the next one late, too, and in the end
   * all of them. The last in line runs whatever is expected of it: that is how a wrong expectation is mended.
   */
  #dropLate(queue: RequestQueue<S>, curve: CostCurve, now: number): void {
    for (let head = queue.peek(); head && queue.size > 1; head = queue.peek()) {
      if (now + curve.predict(head.work.rows) <= head.deadline) return
      queue.shift()
      this.#queued--
      head.fail(pastDeadline(head.deadlineMs, this.#queued))
    }
  }

  /** Among the lines whose batch may go and has a lane, the one with the lowest rank; else the one that may go soonest. */
  #nextQueue(now: number): { model: Model<S>; queue: RequestQueue<S>; at: number } | undefined {
    let best: { model: Model<S>; queue: RequestQueue<S>; at: number; rank: number } | undefined
    for (const model of this.#models.values()) {
      let isFree: boolean | undefined
      for (const [shapeKey, queue] of model.queues) {
        const rank = queue.peek()?.rank
        if (rank === undefined) {
          // Shapes may never come again.
          if (shapeKey !== '') model.queues.delete(shapeKey)
          continue
        }
        isFree ??= this.#options.lanes.free(model.source) > 0
        if (!isFree) break
        const at = Math.max(now, readyAt(queue, model.curve, model.limits, now))
        if (!best || at < best.at || (at === best.at && rank < best.rank)) best = { model, queue, at, rank }
      }
    }
    return best
  }

  async #run(model: Model<S>, entries: Entry<S>[], since: number): Promise<void> {
    const { lanes, clock } = this.#options
    const { source, curve, queues } = model
    const works = entries.map(({ work }) => work)
    const rows = works.reduce((sum, work) => sum + work.rows, 0)
    const running: Running<S> = { source, curve, rows, since }
    this.#running.add(running)
    try {
      const batch = {
        rows,
        isReplay: entries.some(({ deaths }) => deaths > 0),
        pack: () => pack(works),
        waiting: () => sumOf(queues, (queue) => queue.rows),
        withinMs: withinMs(entries, since),
        signal: whenAllLeft(entries),
      }
      const { outputs, executedOn, startedAt, waitedMs, computeMs } = await lanes.run(source, batch)
      const answeredAt = clock.now()
      // What it waited on a server is the queue's, and no cost of its rows.
      curve.learn(rows, Math.max(0, answeredAt - startedAt - waitedMs))
      model.counts.requests += entries.length
      model.counts.rows += rows
      model.counts.batches++
      model.counts.largestBatch = Math.max(model.counts.largestBatch, rows)
      this.#running.delete(running)
      // The lane runs what waits while this batch is taken apart.
      if (this.#queued > 0) this.#dispatch()
      const parts = unpack(outputs, works)
      for (let index = 0; index < entries.length; index++) {
        const entry = entries[index]
        if (!entry) continue
        const queueMs = startedAt - entry.work.askedAt + waitedMs
        entry.settle({
          outputs: parts[index] ?? {},
          executedOn,
          queueMs,
          computeMs,
          answeredAt,
          batchRows: rows,
        })
      }
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', `${source.key} failed`)
      if (error.code === 'memory_exhausted') model.limits = smaller(model.limits, rows)
      this.#settleFailure(entries, error)
    } finally {
      this.#running.delete(running)
      this.#dispatch()
    }
  }

  #settleFailure(batch: Entry<S>[], error: SpillwayError): void {
    const again = batch.filter((entry) => !entry.settled && this.#mayRunAgain(entry, batch.length, error))
    for (const entry of batch) if (!again.includes(entry)) entry.fail(finalError(entry, error))
    for (const entry of again.reverse()) {
      this.#queueOf(entry.work).unshift(entry)
      this.#queued++
    }
  }

  /** A lost lane is replayed alone, so that no request is blamed for another; a failed batch in halves, to find the bad one. */
  #mayRunAgain(entry: Entry<S>, batched: number, { code }: SpillwayError): boolean {
    if (this.#closed) return false
    if (code === 'lane_lost') {
      entry.deaths++
      entry.maxBatchSize = 1
      return entry.deaths < maxDeaths
    }
    entry.maxBatchSize = Math.max(1, Math.floor(batched / 2))
    return (code === 'run_failed' || code === 'memory_exhausted') && batched > 1
  }
}

function sumOf<S extends BatchedModel>(
  queues: ReadonlyMap<string, RequestQueue<S>>,
  sizeOf: (queue: RequestQueue<S>) => number,
): number {
  let sum = 0
  for (const queue of queues.values()) sum += sizeOf(queue)
  return sum
}
