import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { errorCodeHeader, queueHeader } from '../../models/protocols/oip.ts'
import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'

/** Seconds that a browser may remember a preflight's answer, which never changes. */
const maxAge = 86_400

/** What a page reads of an answer besides its body. */
const exposed = [
  errorCodeHeader,
  queueHeader,
  jsonLengthHeader,
  'retry-after',
  'retry-after-ms',
  'etag',
  'content-range',
]

/** Pages of other origins embed the script, and their workers load everything it names. */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': exposed.join(','),
}

const preflight = cors({ origin: '*', maxAge })

/**
 * Lets pages of all origins ask. Hono's own middleware answers preflights only: it writes into the response before there is
 * one, and so makes a stream of every answer.
 */
export const allowAllOrigins: MiddlewareHandler = (c, next) => {
  if (c.req.method === 'OPTIONS') return preflight(c, next)
  for (const [name, value] of Object.entries(corsHeaders)) c.header(name, value)
  return next()
}
