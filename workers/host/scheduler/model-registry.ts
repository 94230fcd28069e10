import { BatchEfficiency } from './batch-efficiency.ts'
import { type BatchLimits, limitsOf } from './batch-limits.ts'
import { CostCurve } from './cost-curve.ts'
import { readyAt } from './form-batch.ts'
import type { Lanes } from './lanes.ts'
import { hasRowsThroughout } from './request-cost.ts'
import { noRequests, type QueueTotals, RequestQueue } from './request-queue.ts'
import { shapeKeyOf } from './shape-key.ts'
import { BatchCounts } from './stats.ts'
import type { BatchedModel, Work } from './work.ts'

/** A model with its requests, by shape key, and what is known of its runs. */
export interface ScheduledModel<S extends BatchedModel> {
  readonly source: S
  /** Whether a long request may run in parts. */
  readonly isCuttable: boolean
  /** They shrink where memory turns out to be short. */
  limits: BatchLimits
  curve: CostCurve
  readonly efficiency: BatchEfficiency
  /**
   * Milliseconds from the end of a run until this thread takes the answer, on average, messages included. A busy page is
   * late, however few rows a batch has; that is no cost of the rows, and no property of the device to be stored.
   */
  lateMs: number
  /** The mean logarithm of requests' rows: a few long requests do not make the usual one long. */
  usualLogRows: number
  readonly queues: Map<string, RequestQueue<S>>
  /** What waits, of all shapes. */
  readonly waiting: QueueTotals
  readonly counts: BatchCounts
}

/** A queue whose next batch may go at a moment on the clock. */
export interface NextQueue<S extends BatchedModel> {
  readonly model: ScheduledModel<S>
  readonly queue: RequestQueue<S>
  readonly at: number
}

interface ModelOptions {
  readonly targetMs: number
  readonly maxBatchBytes: number
  readonly cutting?: unknown
}

/** The models that requests came for, each with one queue a shape. */
export class ModelRegistry<S extends BatchedModel> {
  readonly #options: ModelOptions
  readonly #models = new Map<string, ScheduledModel<S>>()
  readonly #totals = { requests: 0 }

  constructor(options: ModelOptions) {
    this.#options = options
  }

  /** Requests that wait, of all models. */
  get queued(): number {
    return this.#totals.requests
  }

  get all(): Iterable<ScheduledModel<S>> {
    return this.#models.values()
  }

  /** Nothing where no request came for the model, and no cost was set. */
  find({ key }: S): ScheduledModel<S> | undefined {
    return this.#models.get(key)
  }

  of(source: S): ScheduledModel<S> {
    let model = this.#models.get(source.key)
    if (!model) {
      model = {
        source,
        isCuttable: this.#options.cutting !== undefined && hasRowsThroughout(source.manifest),
        limits: limitsOf(source, this.#options),
        curve: new CostCurve(),
        efficiency: new BatchEfficiency(this.#options.targetMs),
        lateMs: 0,
        usualLogRows: 0,
        queues: new Map(),
        waiting: noRequests(),
        counts: new BatchCounts(),
      }
      this.#models.set(source.key, model)
    }
    return model
  }

  queueOf({ queues, waiting }: ScheduledModel<S>, work: Work<S>): RequestQueue<S> {
    const shapeKey = shapeKeyOf(work)
    let queue = queues.get(shapeKey)
    if (!queue) {
      queue = new RequestQueue(waiting, this.#totals)
      queues.set(shapeKey, queue)
    }
    return queue
  }

  /** Among the queues that have a free lane, the one whose batch may go first; of those that may go now, by rank. */
  next(now: number, lanes: Lanes<S>): NextQueue<S> | undefined {
    let best: (NextQueue<S> & { readonly rank: number }) | undefined
    for (const model of this.#models.values()) {
      let isFree: boolean | undefined
      for (const [shapeKey, queue] of model.queues) {
        const rank = queue.peek()?.rank
        if (rank === undefined) {
          // A shape may never come again.
          if (shapeKey !== '') model.queues.delete(shapeKey)
          continue
        }
        isFree ??= lanes.free(model.source) > 0
        if (!isFree) break
        const at = Math.max(now, readyAt(queue, model, now))
        if (!best || at < best.at || (at === best.at && rank < best.rank)) best = { model, queue, at, rank }
      }
    }
    return best
  }
}
