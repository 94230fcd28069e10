import type { ErrorCode } from '../../models/core/index.ts'
import type { RunAnswer } from '../../workers/host/scheduler/work.ts'

/** Triton's reasons: refused before its run, left by its caller, failed in its run, and all others. */
export const failureReasons = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const
export type FailureReason = (typeof failureReasons)[number]

/** Sizes of batches that are counted apart. */
const maxBatchSizes = 1_000

/** What the runs of one size took together. Requests that shared a run share its time by their rows. */
interface BatchCounts {
  rows: number
  inputMs: number
  computeMs: number
  outputMs: number
}

/** What one model's runs took since the start: plain numbers, because thousands of requests a second add to them. */
export class RunCounts {
  successes = 0
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 }
  /** Milliseconds of the answered requests together. */
  requestMs = 0
  /** Of the others, from their arrival to the error; 0 for those refused at once. */
  failedMs = 0
  /** When the last answer came, on the clock. */
  lastAnsweredAt: number | undefined
  /** By the rows of runs: rows of the requests that were answered from such runs, and the runs' milliseconds. */
  readonly batches = new Map<number, BatchCounts>()
  queueMs = 0
  computeMs = 0
  /** Whether the times of inputs and outputs are known: they are not of models that another engine runs. */
  isSplit = false
  inputMs = 0
  outputMs = 0
  /** Milliseconds of lanes. Requests that shared a run share its time by their rows. */
  laneMs = 0

  succeeded(askedAt: number, rows: number, answer: RunAnswer): void {
    this.successes++
    this.requestMs += answer.answeredAt - askedAt
    this.queueMs += answer.queueMs
    this.computeMs += answer.computeMs
    if (answer.inputMs !== undefined) this.isSplit = true
    this.inputMs += answer.inputMs ?? 0
    this.outputMs += answer.outputMs ?? 0
    this.lastAnsweredAt = answer.answeredAt
    this.#addToBatches(rows, answer)
    this.laneMs += (answer.costMs * rows) / Math.max(1, answer.batchRows)
  }

  failed(code: ErrorCode, ms = 0): void {
    this.failures[reasonOf(code)]++
    this.failedMs += ms
  }

  #addToBatches(
    rows: number,
    { batchRows, inputMs = 0, computeMs, outputMs = 0, runs = 1 }: RunAnswer,
  ): void {
    const size = runs === 1 ? batchRows : Math.round(batchRows / runs)
    let batch = this.batches.get(size)
    if (!batch) {
      // Requests choose their rows: nothing else bounds the sizes.
      if (this.batches.size === maxBatchSizes) return
      batch = { rows: 0, inputMs: 0, computeMs: 0, outputMs: 0 }
      this.batches.set(size, batch)
    }
    batch.rows += rows
    const share = rows / Math.max(1, batchRows)
    batch.inputMs += inputMs * share
    batch.computeMs += computeMs * share
    batch.outputMs += outputMs * share
  }
}

function reasonOf(code: ErrorCode): FailureReason {
  switch (code) {
    case 'overloaded':
    case 'deadline_exceeded':
      return 'REJECTED'
    case 'aborted':
    case 'closed':
      return 'CANCELED'
    case 'run_failed':
    case 'model_output_invalid':
    case 'memory_exhausted':
    case 'lane_lost':
    case 'lane_failed':
    case 'poisoned':
      return 'BACKEND'
    default:
      return 'OTHER'
  }
}
