import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { RouterRoute } from 'hono/types'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { messageOf, SpillwayError } from '../../models/core/index.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import type { WireOpenAiError } from '../../models/protocols/openai.ts'
import type { CallContext } from './call-context.ts'
import { answerHeaders } from './cors.ts'
import type { Log } from './request-log.ts'

/** Answers every failure in the Open Inference Protocol's form: a status and `{"error": message}`; the code is in a header. */
export const answerError =
  (log: Log) =>
  (cause: Error, c: Context): Response => {
    const error = toSpillwayError(cause)
    logError(log, c, cause, error)
    for (const [name, value] of Object.entries(answerHeaders(c))) c.header(name, value)
    c.header(errorCodeHeader, error.code)
    if (error.detail.retryAfterMs !== undefined)
      c.header('retry-after', retryAfterHeader(error.detail.retryAfterMs))
    return c.json({ error: error.message }, error.status as ContentfulStatusCode)
  }

/**
 * The same answer for a route that passes its headers as one plain object. An overloaded server refuses ten times as many
 * requests as it answers: by an error handler, with a `Headers` object, a refusal costs a third more.
 *
 * @param headers The route's own.
 */
export function errorResponse(
  log: Log,
  c: Pick<CallContext, 'get' | 'set'>,
  cause: unknown,
  headers: Readonly<Record<string, string>>,
): Response {
  const { body, ...init } = writeError(log, c, cause, headers)
  return new Response(body, init)
}

interface WrittenError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The parts of that answer. */
export function writeError(
  log: Log,
  c: Pick<CallContext, 'get' | 'set'>,
  cause: unknown,
  headers: Readonly<Record<string, string>>,
): WrittenError {
  const thrown = cause instanceof Error ? cause : new Error(messageOf(cause))
  const error = toSpillwayError(thrown)
  logError(log, c, thrown, error)
  const { retryAfterMs } = error.detail
  const own = { 'content-type': 'application/json', [errorCodeHeader]: error.code }
  const retry = retryAfterMs === undefined ? undefined : { 'retry-after': retryAfterHeader(retryAfterMs) }
  return {
    status: error.status,
    body: JSON.stringify({ error: error.message }),
    // Spread into one literal, they would take V8 thirty times as long.
    headers: Object.assign(own, headers, answerHeaders(c), retry),
  }
}

const retryAfterHeader = (ms: number) => String(Math.ceil(ms / 1000))

/** Logs the server's own faults with their stack; for a client's fault the request's log line has the code and the reason. */
export function logError(log: Log, c: Pick<CallContext, 'set'>, cause: Error, error: SpillwayError): void {
  const { status, code, detail } = error
  // The server is full or loading and says when to try again, or the client has set a deadline: not a fault.
  const isFault = status >= 500 && detail.retryAfterMs === undefined && code !== 'deadline_exceeded'
  if (isFault) log.error({ err: cause, code }, 'request failed')
  c.set('errorCode', code)
  c.set('reason', error.message)
}

export function toSpillwayError(cause: Error): SpillwayError {
  if (cause instanceof HTTPException)
    return new SpillwayError('request_malformed', cause.message, {}, { cause })
  if (cause instanceof SpillwayError) return cause
  return new SpillwayError('internal', 'The server failed', { hint: 'The reason is in its log.' }, { cause })
}

/** Answers a path without a route with 404, and a path whose routes take other methods with 405. */
export const answerNotFound = (routes: readonly RouterRoute[]) => {
  const methodsOf = createMethodsOf(routes)
  return (c: Context): Response => {
    const methods = methodsOf(c.req.path)
    const [status, message] =
      methods.length === 0
        ? ([404, `There is nothing at ${c.req.method} ${c.req.path}`] as const)
        : ([405, `${c.req.path} takes ${methods.join(', ')} only, not ${c.req.method}`] as const)
    if (status === 405) c.header('allow', methods.join(', '))
    for (const [name, value] of Object.entries(answerHeaders(c))) c.header(name, value)
    c.set('isUnknownRoute', true)
    c.set('errorCode', 'request_malformed')
    c.set('reason', message)
    c.header(errorCodeHeader, 'request_malformed')
    return c.json(isOpenAi(c.req.path) ? openAiNotFound(message) : { error: message }, status)
  }
}

export const isOpenAi = (path: string) => path === '/v1' || path.startsWith('/v1/')

const openAiNotFound = (message: string): WireOpenAiError => ({
  error: { message, type: 'invalid_request_error', param: null, code: 'request_malformed' },
})

/** Finds the methods that a path's routes take; none for a path without a route of its own. */
function createMethodsOf(routes: readonly RouterRoute[]) {
  let patterns: { readonly method: string; readonly pattern: RegExp }[] | undefined
  return (path: string): string[] => {
    // Made at the first miss: the routes are added after the handler.
    patterns ??= routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path: route }) => ({ method, pattern: patternOf(route) }))
    const methods = patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    // Hono answers HEAD where there is a GET.
    return [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))]
  }
}

/** `/models/:name/infer` matches one part for the name; `:path{.+}` matches any number. */
const patternOf = (route: string) =>
  new RegExp(`^${route.replace(/:\w+\{\.\+\}/g, '.+').replace(/:\w+/g, '[^/]+')}$`)
