import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { systemClock } from '../../models/async/clock.ts'
import type { KeyEntry } from '../../models/protocols/api-keys.ts'
import type { Allowance } from '../auth/limits/rate-limits.ts'
import type { CallerOf } from './caller.ts'
import { LogOutput, outputWriter } from './log-output.ts'

export type Log = Logger

/** JSON lines; formatted for reading where the output is a terminal. */
export const createLog = (): Log =>
  process.stdout.isTTY
    ? pino(pretty({ ignore: 'pid,hostname', singleLine: true, sync: true }))
    : pino({}, new LogOutput(outputWriter(), systemClock))

/** The header of requests and responses that names a request in logs. */
export const requestIdHeader = 'x-request-id'

/** What routes add to the request's log line. */
export interface Variables {
  /** The request's id, for routes that write their headers themselves. */
  requestId?: string
  /** Who takes turns with others; see `createCallerOf`. */
  caller?: string | undefined
  /** The key of the request, where the server has keys. */
  key?: KeyEntry
  /** What the request may use, where limits are set. */
  allowance?: Allowance
  /** The headers of every answer to this request; see `createCors`. */
  answerHeaders?: Readonly<Record<string, string>>
  /** Whether the response has the id already. */
  hasRequestId?: boolean
  errorCode?: string
  inference?: {
    readonly model: string
    readonly rows: number
    readonly queueMs: number
    readonly computeMs: number
  }
}

/** Logs one line for each request. */
export const logRequests =
  (log: Log, callerOf: CallerOf): MiddlewareHandler<{ Variables: Variables }> =>
  async (c, next) => {
    const startedAt = performance.now()
    const requestId = requestIdOf(c)
    c.set('requestId', requestId)
    c.set('caller', callerOf(c))
    await next()
    if (!c.get('hasRequestId')) addRequestId(c, requestId)
    // `c.var` would copy all variables at each read.
    const code = c.get('errorCode')
    const inference = c.get('inference')
    const line = {
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: round(performance.now() - startedAt),
      requestId,
      ...(code === undefined ? {} : { code }),
      ...(inference === undefined ? {} : roundAll(inference)),
    }
    if (c.res.status >= 500) log.warn(line, 'request')
    else log.info(line, 'request')
  }

/** An id that a proxy or a client may give: visible characters, so that a log line stays one line. */
const givenId = /^[\x21-\x7e]{1,200}$/

/** The client's id of the request, or a new one. */
function requestIdOf(c: Context): string {
  const given = c.req.header(requestIdHeader)
  return given !== undefined && givenId.test(given) ? given : randomUUID()
}

/**
 * On Node's own response: Hono would copy the answer to add a header to it. Node then writes all headers one by one,
 * which the hot route avoids by having the id among its own.
 */
function addRequestId(c: Context, id: string): void {
  const outgoing = (c.env as Partial<HttpBindings> | undefined)?.outgoing
  if (outgoing && !outgoing.headersSent) outgoing.setHeader(requestIdHeader, id)
}

const round = (ms: number) => Math.round(ms * 100) / 100

const roundAll = (inference: NonNullable<Variables['inference']>) => ({
  ...inference,
  queueMs: round(inference.queueMs),
  computeMs: round(inference.computeMs),
})
