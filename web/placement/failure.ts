import type { ErrorCode, SpillwayError } from '../../models/core/index.ts'
import type { Candidate, Failure } from './device-target.ts'

/** Failures that no other place would mend. */
export const final: ReadonlySet<ErrorCode> = new Set([
  'aborted',
  'closed',
  'context_exceeded',
  'deadline_exceeded',
  'input_name_invalid',
  'input_shape_invalid',
  'input_size_invalid',
  'input_type_invalid',
  'output_name_invalid',
  'request_malformed',
])

/** Failures of a request, and not of the place where it ran: they are not held against the place. */
export const own: ReadonlySet<ErrorCode> = new Set([
  'body_too_large',
  'input_value_invalid',
  'model_output_invalid',
  'not_supported',
  'memory_exhausted',
  'run_failed',
])

/** Faults of a variant and its files, and not of the backend. */
const ofVariant: ReadonlySet<ErrorCode> = new Set([
  'file_missing',
  'file_truncated',
  'file_altered',
  'model_invalid',
  'not_supported',
])

export const nothingFailed: readonly Failure[] = []

/** What a failure at a place says about others. */
export const failureOf = ({ backend, variant }: Candidate, { code, message }: SpillwayError): Failure => ({
  backend,
  variant,
  reach: reachOf(code),
  why: message,
})

function reachOf(code: ErrorCode): Failure['reach'] {
  // All of the device's backends share one queue.
  if (code === 'overloaded') return 'device'
  if (code === 'capacity_insufficient') return 'memory'
  return ofVariant.has(code) ? 'variant' : 'backend'
}

/** Milliseconds that a retry may be put off where nobody set a deadline. */
const timeoutMs = 10_000

/**
 * Milliseconds after which the same server may be asked once more, before `leftMs` have passed: where the connection
 * was cut, or the server said when to come back. Not all at the same moment: those that fail together do not return
 * together.
 */
export function retryDelay({ code, detail }: SpillwayError, leftMs = timeoutMs): number | undefined {
  const spread = Math.random()
  const { retryAfterMs } = detail
  let delay: number | undefined
  if (code === 'server_unreachable') delay = 50 + 100 * spread
  else if (code === 'overloaded' && retryAfterMs !== undefined) delay = retryAfterMs * (1 + 0.1 * spread)
  return delay !== undefined && delay < leftMs ? delay : undefined
}
