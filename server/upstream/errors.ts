import { type ErrorCode, type ErrorDetail, SpillwayError } from '../../models/core/index.ts'

/** Refusals: the replica has not run the request, so another one may. */
const refusalCodes: ReadonlySet<ErrorCode> = new Set([
  'overloaded',
  'rate_limited',
  'server_draining',
  'lane_failed',
  'capacity_insufficient',
])

/** Failures of the replica, or of the way to it. It may have run the request. */
const faultCodes: ReadonlySet<ErrorCode> = new Set([
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'lane_lost',
  'closed',
])

export const isRefusal = (cause: unknown): cause is SpillwayError =>
  cause instanceof SpillwayError && refusalCodes.has(cause.code)

export const isFault = (cause: unknown): cause is SpillwayError =>
  cause instanceof SpillwayError && faultCodes.has(cause.code)

/** Milliseconds after which another try makes sense where the upstream gives no hint. */
export const retryAfterMs = 1_000

/**
 * The error as a caller of this server gets it: it has the codes of local lanes. A page that got `server_unreachable`
 * would take this server for the one that is down, and one that got `unauthenticated` would renew its own token.
 */
export function engineError(cause: unknown): SpillwayError {
  const error = SpillwayError.from(cause, 'internal', 'The upstream failed')
  const code = engineCodes[error.code]
  if (!code) return error
  const detail: ErrorDetail =
    code === 'lane_failed' || code === 'overloaded' ? { retryAfterMs, ...error.detail } : error.detail
  const named = new SpillwayError(code, '', detail, { cause: error })
  named.message = code === 'overloaded' ? error.message : `The upstream failed: ${error.message}`
  return named
}

const engineCodes: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  server_unreachable: 'lane_failed',
  server_timeout: 'lane_failed',
  server_draining: 'lane_failed',
  closed: 'lane_failed',
  // The key that the upstream refuses is this server's own.
  unauthenticated: 'lane_failed',
  access_denied: 'lane_failed',
  rate_limited: 'overloaded',
  server_response_invalid: 'run_failed',
}
