import { SpillwayError } from '../../models/core/index.ts'
import { requestTimeoutHeader } from '../../models/protocols/request-timeout.ts'
import type { RequestLimits } from '../request-limits.ts'
import type { CallContext } from './call-context.ts'

const decimal = /^[\d.]+(?:e[+-]?\d+)?$/i

/**
 * Milliseconds of the header `Request-Timeout`; undefined where there is none.
 *
 * @throws SpillwayError `request_malformed`.
 */
export function readRequestTimeout(c: Pick<CallContext, 'req'>): number | undefined {
  const header = c.req.header(requestTimeoutHeader)
  if (header === undefined) return undefined
  const milliseconds = decimal.test(header) ? 1000 * Number(header) : 0
  if (milliseconds > 0 && Number.isFinite(milliseconds)) return milliseconds
  throw new SpillwayError('request_malformed', 'The header Request-Timeout is invalid', {
    expected: 'a number of seconds above zero',
    got: JSON.stringify(header.slice(0, 40)),
  })
}

/** The limits of a request that has so many milliseconds: neither its own timeout nor the default is longer. */
export function limitsWithin(limits: RequestLimits, timeoutMs: number | undefined): RequestLimits {
  if (timeoutMs === undefined) return limits
  const longest = Math.min(timeoutMs, limits.maxTimeoutMs)
  return { ...limits, timeoutMs: longest, maxTimeoutMs: longest }
}
