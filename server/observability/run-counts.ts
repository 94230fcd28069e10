import type { ErrorCode } from '../../models/core/index.ts'
import type { RunAnswer } from '../../workers/host/scheduler/work.ts'

/** Triton's reasons: refused before its run, left by its caller, failed in its run, and all others. */
export const failureReasons = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const
export type FailureReason = (typeof failureReasons)[number]

/** What one model's runs took since the start: plain numbers, because thousands of requests a second add to them. */
export class RunCounts {
  successes = 0
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 }
  /** Milliseconds of the answered requests together. */
  requestMs = 0
  queueMs = 0
  computeMs = 0
  /** Milliseconds of lanes. Requests that shared a run share its time by their rows. */
  laneMs = 0

  succeeded(askedAt: number, rows: number, answer: RunAnswer): void {
    this.successes++
    this.requestMs += answer.answeredAt - askedAt
    this.queueMs += answer.queueMs
    this.computeMs += answer.computeMs
    this.laneMs += (answer.costMs * rows) / Math.max(1, answer.batchRows)
  }

  failed(code: ErrorCode): void {
    this.failures[reasonOf(code)]++
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
