import { pastDeadline } from '../../workers/host/scheduler/errors.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import type { RequestSpan } from '../observability/trace-context.ts'

/** How a request waits for the offload thread, for its run and for its answer to be written. */
export interface RequestWait extends WaitOptions {
  /** When the request had arrived whole, on the clock: its deadline counts from then. Default: now. */
  readonly askedAt?: number | undefined
  /** The request's id and span, which an upstream gets as well. */
  readonly requestId?: string | undefined
  readonly span?: RequestSpan | undefined
}

/**
 * The milliseconds that a request has left; undefined where it has no deadline.
 *
 * @throws SpillwayError `deadline_exceeded` where it has none left.
 */
export function remainingMs({ askedAt, deadlineMs }: RequestWait, now: number): number | undefined {
  if (deadlineMs === undefined) return undefined
  const left = (askedAt ?? now) + deadlineMs - now
  if (left <= 0) throw pastDeadline(deadlineMs)
  return Math.ceil(left)
}
