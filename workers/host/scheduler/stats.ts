/** What waits and runs now, and what ran so far. */
export interface SchedulerStats {
  /** Requests that wait. */
  readonly queued: number
  /** Past so many, one more is refused as `overloaded`. */
  readonly maxQueued: number
  readonly isSaturated: boolean
  /** Batches in lanes. */
  readonly running: number
  readonly models: readonly ModelStats[]
}

/** What one model has waiting, and what it ran so far. */
export interface ModelStats {
  /** Model and version; on the device also variant and backend. */
  readonly session: string
  readonly queued: number
  /** Milliseconds that a request that comes now would wait, as far as is known. */
  readonly queueMs: number
  /** Requests that were answered, the rows that they had, and the batches that they shared. */
  readonly requests: number
  readonly rows: number
  readonly batches: number
  /** Rows of a batch: the mean of all, and the most so far. */
  readonly meanBatch: number
  readonly largestBatch: number
}

/** Counts of one model since the beginning. */
export interface Counts {
  requests: number
  rows: number
  batches: number
  largestBatch: number
}
