import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { SpillwayError } from '../../models/core/index.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { corsHeaders } from './cors.ts'
import type { Log } from './request-log.ts'

/** Answers every failure in the Open Inference Protocol's form: a status and `{"error": message}`; the code is in a header. */
export const answerError =
  (log: Log) =>
  (cause: Error, c: Context): Response => {
    const error = toSpillwayError(cause)
    logError(log, c, cause, error)
    for (const [name, value] of Object.entries(corsHeaders)) c.header(name, value)
    c.header(errorCodeHeader, error.code)
    if (error.detail.retryAfterMs !== undefined)
      c.header('retry-after', String(Math.ceil(error.detail.retryAfterMs / 1000)))
    return c.json({ error: error.message }, error.status as ContentfulStatusCode)
  }

/** Logs the server's own faults with their stack; for a client's fault the request's log line has the code. */
export function logError(
  log: Log,
  c: Context,
  cause: Error,
  { status, code }: Pick<SpillwayError, 'status' | 'code'>,
): void {
  if (status >= 500 && code !== 'overloaded') log.error({ err: cause, code }, 'request failed')
  c.set('errorCode', code)
}

export function toSpillwayError(cause: Error): SpillwayError {
  if (cause instanceof HTTPException)
    return new SpillwayError('request_malformed', cause.message, {}, { cause })
  if (cause instanceof SpillwayError) return cause
  return new SpillwayError('internal', 'The server failed', { hint: 'The reason is in its log.' }, { cause })
}

export const answerNotFound = (c: Context): Response => {
  c.set('errorCode', 'request_malformed')
  c.header(errorCodeHeader, 'request_malformed')
  return c.json({ error: `There is nothing at ${c.req.method} ${c.req.path}` }, 404)
}
