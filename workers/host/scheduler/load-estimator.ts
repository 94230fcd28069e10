import type { Clock } from '../../../models/async/clock.ts'
import type { ExpectedWait } from './admission.ts'
import type { CostCurve } from './cost-curve.ts'
import type { Lanes } from './lanes.ts'
import type { ModelRegistry } from './model-registry.ts'
import { plannedMs, runMsOf } from './request-cost.ts'
import type { BatchedModel } from './work.ts'

/** Milliseconds that a new request would wait and run, as far as costs are known. */
export interface Estimate {
  readonly queueMs: number
  readonly runMs: number
}

export interface RunningBatch<S extends BatchedModel> {
  readonly source: S
  readonly curve: CostCurve
  /** Milliseconds after its run at which its answer will be taken. */
  readonly lateMs: number
  readonly rows: number
  /** On the clock. */
  readonly since: number
}

/** Estimates waiting times from the batches in lanes, the queues, the cost curves and the lateness of answers. */
export class LoadEstimator<S extends BatchedModel> {
  readonly running = new Set<RunningBatch<S>>()
  /** When a run last began or ended, on the clock. */
  #changedAt: number
  readonly #models: ModelRegistry<S>
  readonly #lanes: Lanes<S>
  readonly #clock: Clock

  constructor(models: ModelRegistry<S>, lanes: Lanes<S>, clock: Clock) {
    this.#models = models
    this.#lanes = lanes
    this.#clock = clock
    this.#changedAt = clock.now()
  }

  began(batch: RunningBatch<S>): void {
    this.running.add(batch)
    this.#changedAt = batch.since
  }

  ended(batch: RunningBatch<S>): void {
    if (this.running.delete(batch)) this.#changedAt = this.#clock.now()
  }

  estimate(source: S, rows: number): Estimate {
    const lanes = this.#lanes
    const now = this.#clock.now()
    let ahead = 0
    for (const { source: other, curve, lateMs, rows: inLane, since } of this.running) {
      if (lanes.shared(source, other)) ahead += Math.max(0, curve.predict(inLane) + lateMs - (now - since))
    }
    for (const { source: other, curve, lateMs, queues } of this.#models.all) {
      if (!lanes.shared(source, other)) continue
      for (const { rows: waiting } of queues.values())
        if (waiting > 0) ahead += curve.predict(waiting) + lateMs
    }
    const own = this.#models.find(source)
    const count = lanes.count(source)
    return { queueMs: ahead / count, runMs: own ? runMsOf(own, rows, lanes) + own.lateMs : 0 }
  }

  /**
   * What a request that came now would have to expect; undefined while the cost of its model is not known.
   *
   * @param share The share of the waiting work that goes before it.
   * @param ownShare The share of the waiting work that is its caller's own.
   */
  expectedWait(source: S, rows: number, share: number, ownShare: number): ExpectedWait | undefined {
    const own = this.#models.find(source)
    if (!own?.curve.isKnown) return undefined
    const lanes = this.#lanes
    const now = this.#clock.now()
    // Of the lanes that have the model: others may be free, or busy, as well.
    let isFree = lanes.free(source) > 0
    let inLanes = 0
    let isRunning = false
    for (const { source: other, curve, lateMs, rows: inLane, since } of this.running) {
      if (!lanes.shared(source, other)) continue
      isRunning ||= other.key === source.key
      inLanes += Math.max(0, curve.predict(inLane) + lateMs - (now - since))
    }
    let waiting = 0
    let long = 0
    for (const { source: other, curve, lateMs, waiting: queued } of this.#models.all) {
      if (queued.rows === 0 || !lanes.shared(source, other)) continue
      waiting += curve.predict(queued.rows) + lateMs
      long += queued.long
      // It came in this turn, and may get the free lane at the end of it. One without a free lane waits for others.
      isFree &&= lanes.free(other) === 0
    }
    const count = lanes.count(source)
    const aheadMs = (share * waiting) / count
    const hasWaiting = own.waiting.requests > 0
    return {
      waitMs: inLanes / count + aheadMs,
      aheadMs,
      othersMs: Math.max(0, aheadMs - (ownShare * waiting) / count),
      sharedMs: rows * own.curve.rowMs,
      runMs: runMsOf(own, rows, lanes) + own.lateMs,
      loneMs: own.curve.predict(1) + own.lateMs,
      batchMs: plannedMs(own),
      idleMs: isFree ? now - this.#changedAt : undefined,
      hasLong: long > 0,
      hasWaiting,
      isInFlight: hasWaiting || isRunning,
    }
  }

  /**
   * Milliseconds until a request that came now would be answered, if the model's lanes shared it and all that wait for the
   * model; undefined while the cost of the model is not known. It creates no object, so that each request may ask.
   */
  finishMs(source: S, rows: number): number | undefined {
    const own = this.#models.find(source)
    if (!own?.curve.isKnown) return undefined
    const lanes = this.#lanes
    const now = this.#clock.now()
    let ahead = 0
    for (const running of this.running) {
      if (lanes.shared(source, running.source))
        ahead += Math.max(0, running.curve.predict(running.rows) + running.lateMs - (now - running.since))
    }
    let shared = rows
    for (const model of this.#models.all) {
      if (!lanes.shared(source, model.source)) continue
      for (const queue of model.queues.values()) {
        if (model === own) shared += queue.rows
        else if (queue.rows > 0) ahead += model.curve.predict(queue.rows) + model.lateMs
      }
    }
    const count = lanes.count(source)
    const share = Math.ceil(shared / count)
    const runMs = share < rows ? runMsOf(own, rows, lanes) : own.curve.predict(share)
    return ahead / count + runMs + own.lateMs
  }
}
