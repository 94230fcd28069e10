import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { SpillwayError } from '../../../models/core/index.ts'
import { errorCodeHeader } from '../../../models/protocols/oip.ts'
import type { WireOpenAiError } from '../../../models/protocols/openai.ts'
import { answerHeaders } from '../../http/cors.ts'
import { logError, toSpillwayError } from '../../http/errors.ts'
import type { Log } from '../../http/request-log.ts'

/** A full queue is 429 here: OpenAI's clients then wait and try again. */
const statusOf = ({ code, status }: SpillwayError): number => (code === 'overloaded' ? 429 : status)

/** Answers every failure in the form of OpenAI's API. */
export const answerOpenAiError =
  (log: Log) =>
  (cause: Error, c: Context): Response => {
    const error = toSpillwayError(cause)
    logError(log, c, cause, error)
    // Where a request is refused before it reaches these routes, nothing has set them.
    for (const [name, value] of Object.entries(answerHeaders(c))) c.header(name, value)
    const { retryAfterMs } = error.detail
    if (retryAfterMs !== undefined) {
      c.header('retry-after', String(Math.ceil(retryAfterMs / 1000)))
      c.header('retry-after-ms', String(retryAfterMs))
    }
    c.header(errorCodeHeader, error.code)
    return c.json(openAiError(error), statusOf(error) as ContentfulStatusCode)
  }

export const openAiError = (error: SpillwayError): WireOpenAiError => ({
  error: {
    message: error.message,
    type: typeOf(statusOf(error)),
    param: error.detail.param ?? null,
    code: error.code,
    ...(error.detail.retryAfterMs !== undefined && { retry_after_ms: error.detail.retryAfterMs }),
  },
})

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_exceeded'
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}
