import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { errorCodeHeader, queueHeader } from '../../models/protocols/oip.ts'
import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import { traceresponseHeader } from '../observability/trace-context.ts'
import { requestIdHeader } from './request-log.ts'

/** Seconds for which a browser may cache a preflight's answer, which never changes. */
const maxAge = 86_400

/** The response headers that a page may read. */
const exposed = [
  errorCodeHeader,
  queueHeader,
  jsonLengthHeader,
  'retry-after',
  'retry-after-ms',
  'etag',
  'content-range',
  requestIdHeader,
  traceresponseHeader,
]

/** Pages of other origins embed the script, and their workers load all that it refers to. */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': exposed.join(','),
}

const preflight = cors({ origin: '*', maxAge })

/**
 * Allows requests from all origins. Hono's own middleware serves preflights only: on other requests it sets headers
 * before there is a response, which turns every answer into a stream.
 */
export const allowAllOrigins: MiddlewareHandler = (c, next) => {
  if (c.req.method === 'OPTIONS') return preflight(c, next)
  for (const [name, value] of Object.entries(corsHeaders)) c.header(name, value)
  return next()
}
