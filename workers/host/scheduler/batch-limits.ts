import type { BatchedModel } from './work.ts'

/** Bounds of one batch. */
export interface BatchLimits {
  /** Requests that may share a run: one where their rows turned out to depend on each other. */
  readonly maxRequests: number
  readonly maxRows: number
  /** Bytes of inputs. */
  readonly maxBytes: number
  /** Milliseconds that one run should take at most, so that later requests do not wait long. */
  readonly targetMs: number
  /** Rows, ascending. */
  readonly preferredRows: readonly number[]
  /** Milliseconds that a request may wait for its batch to fill up. */
  readonly maxDelayMs: number
}

/** The most rows of a run where the manifest does not say. */
export const defaultMaxRows = 8_192

/** The limits from a model's manifest and the scheduler's options. */
export const limitsOf = (
  { manifest: { batching } }: BatchedModel,
  options: { readonly targetMs: number; readonly maxBatchBytes: number },
): BatchLimits => ({
  maxRequests: Number.POSITIVE_INFINITY,
  maxRows: batching?.maxRows ?? defaultMaxRows,
  // Read for each batch: it may rise when a server turns out to take more.
  get maxBytes() {
    return options.maxBatchBytes
  },
  targetMs: options.targetMs,
  preferredRows: [...(batching?.preferredRows ?? [])].sort((one, other) => one - other),
  maxDelayMs: batching?.maxDelayMs ?? 0,
})

/** The limits after a run of so many rows found too little memory. */
export const smaller = (limits: BatchLimits, rows: number): BatchLimits => ({
  ...limits,
  maxRows: Math.max(1, Math.min(limits.maxRows, Math.floor(rows / 2))),
})

/** The limits after requests that shared a run did not get rows of their own. */
export const unshared = (limits: BatchLimits): BatchLimits => ({
  ...limits,
  maxRequests: 1,
  // Nothing to wait for.
  maxDelayMs: 0,
})
