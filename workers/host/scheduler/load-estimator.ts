import type { Clock } from '../../../models/async/clock.ts'
import type { CostCurve } from './cost-curve.ts'
import type { Lanes } from './lanes.ts'
import type { ModelRegistry } from './model-registry.ts'
import type { BatchedModel } from './work.ts'

/** Milliseconds that a new request would wait and run, as far as costs are known. */
export interface Estimate {
  readonly queueMs: number
  readonly runMs: number
}

export interface RunningBatch<S extends BatchedModel> {
  readonly source: S
  readonly curve: CostCurve
  readonly rows: number
  /** On the clock. */
  readonly since: number
}

/** Weight of a new answer in the moving average of lateness. */
const weight = 0.25

/** Estimates waiting times from the batches in lanes, the queues, the cost curves and the lateness of answers. */
export class LoadEstimator<S extends BatchedModel> {
  readonly running = new Set<RunningBatch<S>>()
  readonly #models: ModelRegistry<S>
  readonly #lanes: Lanes<S>
  readonly #clock: Clock
  #lateMs = 0

  constructor(models: ModelRegistry<S>, lanes: Lanes<S>, clock: Clock) {
    this.#models = models
    this.#lanes = lanes
    this.#clock = clock
  }

  /**
   * Milliseconds from the end of a run until this thread takes the answer, on average, messages included. A busy page is
   * late, however few rows a batch has; that is no cost of the rows, and no property of the device to be stored.
   */
  get lateMs(): number {
    return this.#lateMs
  }

  /** A batch was answered so many milliseconds later than its lane had run it. */
  answered(lateMs: number): void {
    this.#lateMs += weight * (Math.max(0, lateMs) - this.#lateMs)
  }

  estimate(source: S, rows: number): Estimate {
    const lanes = this.#lanes
    const now = this.#clock.now()
    const lateMs = this.#lateMs
    let ahead = 0
    for (const { source: other, curve, rows: inLane, since } of this.running) {
      if (lanes.shared(source, other)) ahead += Math.max(0, curve.predict(inLane) + lateMs - (now - since))
    }
    for (const { source: other, curve, queues } of this.#models.all) {
      if (!lanes.shared(source, other)) continue
      for (const { rows: waiting } of queues.values())
        if (waiting > 0) ahead += curve.predict(waiting) + lateMs
    }
    return { queueMs: ahead / lanes.count(source), runMs: this.#models.predict(source, rows) + lateMs }
  }
}
