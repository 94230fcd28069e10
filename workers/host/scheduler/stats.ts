import type { Estimate } from './load-estimator.ts'
import type { ScheduledModel } from './model-registry.ts'
import type { BatchedModel } from './work.ts'

/** The load now, and what ran so far. */
export interface SchedulerStats {
  /** Requests that wait. */
  readonly queued: number
  /** Requests of one model that may wait; one more is refused as `overloaded`. */
  readonly maxQueued: number
  /** Whether a model's queue is full. */
  readonly isSaturated: boolean
  /** Batches in lanes. */
  readonly running: number
  readonly models: readonly ModelStats[]
}

/** What one model has waiting, and what it ran so far. */
export interface ModelStats {
  /** Model and version; on the device also variant and backend. */
  readonly session: string
  /** Requests that wait. */
  readonly queued: number
  /** Estimated milliseconds that a new request would wait. */
  readonly queueMs: number
  /** Estimated milliseconds that its run would take then; zero where nothing is known. */
  readonly runMs: number
  /** Requests answered so far, their rows, and the batches that they shared. */
  readonly requests: number
  readonly rows: number
  readonly batches: number
  /** Mean and largest number of rows in a batch so far. */
  readonly meanBatch: number
  readonly largestBatch: number
}

/** Counts of one model since the start. */
export class BatchCounts {
  requests = 0
  rows = 0
  batches = 0
  largestBatch = 0

  add(requests: number, rows: number): void {
    this.requests += requests
    this.rows += rows
    this.batches++
    this.largestBatch = Math.max(this.largestBatch, rows)
  }
}

export function statsOf<S extends BatchedModel>(
  { source, queues, counts }: ScheduledModel<S>,
  { queueMs, runMs }: Estimate,
): ModelStats {
  let queued = 0
  for (const { size } of queues.values()) queued += size
  const { requests, rows, batches, largestBatch } = counts
  const meanBatch = batches === 0 ? 0 : rows / batches
  return { session: source.key, queued, queueMs, runMs, requests, rows, batches, largestBatch, meanBatch }
}
