import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { SpillwayError } from '../../models/core/index.ts'
import { errorCodeHeader, queueHeader } from '../../models/protocols/oip.ts'
import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import { isApi } from '../auth/access.ts'
import { isOwnOrigin, type Origins } from '../auth/origin.ts'
import { refuseUnread } from '../auth/refuse-unread.ts'
import { traceresponseHeader } from '../observability/trace-context.ts'
import type { CallContext } from './call-context.ts'
import { requestIdHeader, type Variables } from './request-log.ts'

/** Seconds for which a browser may cache a preflight's answer. */
const maxAge = 86_400

/** The response headers that a page may read. */
const exposed = [
  errorCodeHeader,
  queueHeader,
  jsonLengthHeader,
  'retry-after',
  'retry-after-ms',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'etag',
  'content-range',
  requestIdHeader,
  traceresponseHeader,
]

type Headers = Readonly<Record<string, string>>

/** Of every answer: a browser takes it for nothing but what its content type says. */
const shared: Headers = { 'x-content-type-options': 'nosniff' }

const allowed = (origin: string): Headers => ({
  ...shared,
  'access-control-allow-origin': origin,
  'access-control-expose-headers': exposed.join(','),
})

/** The headers of this request's answer, whoever writes it. */
export const answerHeaders = (c: Pick<CallContext, 'get'>): Headers => c.get('answerHeaders') ?? shared

export interface Cors {
  /** Finds the headers of a request's answer. @throws SpillwayError `access_denied` for a page that may not call. */
  admit(c: CallContext, path: string): void
  /** Finds the headers of a request's answer, and refuses pages that may not call. The first of all handlers. */
  readonly prepare: MiddlewareHandler<{ Variables: Variables }>
  /** Answers preflights, and sets the headers for routes that do not write them themselves. */
  readonly apply: MiddlewareHandler<{ Variables: Variables }>
}

/**
 * Which pages may call: all of them, or those of the given origins and this server's own. Hono's own middleware serves
 * preflights only: on other requests it sets headers before there is a response, which turns every answer into a stream.
 */
export function createCors(current: () => Origins): Cors {
  const toAll = allowed('*')
  const toOthers = varied(shared)
  let origins = current()
  let byOrigin = headersByOrigin(origins)
  /** They change when the keys are reread. */
  const update = () => {
    const now = current()
    if (now === origins) return
    origins = now
    byOrigin = headersByOrigin(now)
  }
  const preflight = cors({
    origin: (origin) => (origins === '*' ? '*' : byOrigin.has(origin) ? origin : null),
    maxAge,
  })
  const admit: Cors['admit'] = (c, path) => {
    update()
    if (origins === '*') {
      c.set('answerHeaders', toAll)
      return
    }
    const origin = c.req.header('origin')
    const headers = origin === undefined ? undefined : byOrigin.get(origin)
    c.set('answerHeaders', headers ?? toOthers)
    const isRefused =
      origin !== undefined && !headers && c.req.method !== 'OPTIONS' && isApi(path) && !isOwnOrigin(c, origin)
    if (!isRefused) return
    throw new SpillwayError('access_denied', 'Pages of this origin may not call this server', {
      expected: 'an origin of SPILLWAY_ORIGINS or of a key for pages',
      got: origin,
    })
  }
  return {
    admit,
    prepare: (c, next) => {
      try {
        admit(c, c.req.path)
      } catch (cause) {
        refuseUnread(c)
        throw cause
      }
      return next()
    },
    apply: (c, next) => {
      if (c.req.method === 'OPTIONS') return preflight(c, next)
      for (const [name, value] of Object.entries(answerHeaders(c))) c.header(name, value)
      return next()
    },
  }
}

/** A cache must not give one origin's answer to another. */
const varied = (headers: Headers): Headers => ({ ...headers, vary: 'Origin' })

const headersByOrigin = (origins: Origins): ReadonlyMap<string, Headers> =>
  new Map(origins === '*' ? [] : origins.map((origin) => [origin, varied(allowed(origin))]))
