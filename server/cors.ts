import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'

/** Seconds that a browser may remember a preflight's answer, which never changes. */
const maxAge = 86_400

/**
 * Pages of all origins may ask, and read these headers. Hono's own middleware answers preflights only: it writes into the
 * response before there is one, and so makes a stream of every answer, which costs more than the rest of a small run.
 */
export function allowAllOrigins(exposed: readonly string[]): MiddlewareHandler {
  const preflight = cors({ origin: '*', maxAge })
  const names = exposed.join(',')
  return (c, next) => {
    if (c.req.method === 'OPTIONS') return preflight(c, next)
    c.header('access-control-allow-origin', '*')
    c.header('access-control-expose-headers', names)
    return next()
  }
}
