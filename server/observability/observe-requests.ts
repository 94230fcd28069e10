import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '../../models/async/clock.ts'
import { isErrorCode } from '../../models/core/index.ts'
import type { CallContext } from '../http/call-context.ts'
import type { CallerOf } from '../http/caller.ts'
import { isRefusal, type RefusalPace } from '../http/pace-refusals.ts'
import { type Log, requestIdHeader, type Variables } from '../http/request-log.ts'
import type { HttpMetrics } from './http-metrics.ts'
import { phasesOf, spanAttributes } from './span-fields.ts'
import type { StreamEnd } from './stream-end.ts'
import { readTraceparent, traceparentHeader, traceresponseHeader, unrecordedSpan } from './trace-context.ts'
import type { RecordedSpan, Tracing } from './tracing.ts'

export interface FinishOptions {
  readonly log: Log
  readonly http: HttpMetrics
  readonly clock: Clock
}

export interface ObserveOptions extends FinishOptions {
  readonly callerOf: CallerOf
  readonly refusals: RefusalPace
  /** Undefined: no spans are recorded. */
  readonly tracing: Tracing | undefined
}

type Env = { Variables: Variables }

/** Characters of a reason in the log: it may quote what came. */
const longestReason = 300

/** A request whose answer has ended. */
export interface Finished {
  readonly method: string
  readonly path: string
  /** The route's pattern. */
  readonly route: string
  readonly status: number
  /** On the clock. */
  readonly startedAt: number
  readonly recorded: RecordedSpan | undefined
  readonly stream?: StreamEnd | undefined
}

/** Writes the log line of a request at its end, counts it and ends its span. */
export const createFinish =
  ({ log, http, clock }: FinishOptions) =>
  (
    c: Pick<CallContext, 'get'>,
    { method, path, route, status, startedAt, recorded, stream }: Finished,
  ): void => {
    const ms = clock.now() - startedAt
    const code = stream?.code ?? c.get('errorCode')
    http.answered(method, route, status, ms)
    if (isErrorCode(code)) http.refused(code)
    recorded?.end({
      method,
      route,
      path,
      status,
      code,
      attributes: spanAttributes(c),
      ...phasesOf(c, clock.now()),
    })
    const line = Object.assign({ method, path, status, ms: round(ms) }, fieldsOf(c, stream))
    if (status >= 500 || stream?.end === 'error') log.warn(line, 'request')
    else log.info(line, 'request')
  }

/** Names each request, and writes one log line and counts it at its end: of a stream, when the stream has ended. */
export function observeRequests(options: ObserveOptions): MiddlewareHandler<Env> {
  const { callerOf, clock, refusals, tracing } = options
  const finish = createFinish(options)
  return async (c, next) => {
    const startedAt = clock.now()
    const recorded = nameRequest(c, callerOf, tracing)
    await next()
    if (isRefusal(c.get('errorCode'))) await refusals.hold(c.get('caller'))
    if (!c.get('hasRequestId')) addHeaders(c, c.get('requestId') ?? '', c.get('span')?.response)
    // A path without a route is no label of its own: there is no bound to paths.
    const route = c.get('isUnknownRoute') ? 'unknown' : c.req.routePath
    const { method, path } = c.req
    const finished = { method, path, route, status: c.res.status, startedAt, recorded }
    const stream = c.get('stream')
    if (stream) void stream.then((end) => finish(c, { ...finished, stream: end }))
    else finish(c, finished)
  }
}

/** Sets the request's id, its caller and its span. @returns The span that is recorded. */
export function nameRequest(
  c: CallContext,
  callerOf: CallerOf,
  tracing: Tracing | undefined,
): RecordedSpan | undefined {
  c.set('caller', callerOf(c))
  return identifyRequest(c, tracing)
}

/** Sets the request's id and its span. @returns The span that is recorded. */
export function identifyRequest(c: CallContext, tracing: Tracing | undefined): RecordedSpan | undefined {
  c.set('requestId', requestIdOf(c))
  const parent = readTraceparent(c.req.header(traceparentHeader))
  const recorded = tracing?.start(parent)
  const span = recorded ?? (parent && unrecordedSpan(parent))
  if (span) c.set('span', span)
  return recorded
}

/** What is known of the request besides its address and its answer. */
export function fieldsOf(c: Pick<CallContext, 'get'>, stream?: StreamEnd) {
  // `c.var` would copy all variables at each read.
  const caller = c.get('caller')
  const span = c.get('span')
  const inference = c.get('inference')
  const texts = c.get('texts')
  const model = inference?.model ?? texts?.model ?? c.get('model')
  const code = stream?.code ?? c.get('errorCode')
  const reason = stream?.reason ?? c.get('reason')
  return {
    requestId: c.get('requestId'),
    ...(span && { traceId: span.traceId }),
    ...(caller !== undefined && { caller }),
    ...(model !== undefined && { model }),
    ...(inference && {
      rows: inference.rows,
      queueMs: round(inference.queueMs),
      computeMs: round(inference.computeMs),
      ...(inference.replica !== undefined && { replica: inference.replica }),
    }),
    ...c.get('embedded'),
    ...(texts && {
      promptTokens: texts.promptTokens,
      tokens: texts.tokens,
      ...(texts.queueMs !== undefined && { queueMs: round(texts.queueMs) }),
      ...(texts.firstTokenMs !== undefined && { firstTokenMs: round(texts.firstTokenMs) }),
      ...(texts.replica !== undefined && { replica: texts.replica }),
    }),
    ...(stream && { end: stream.end }),
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason: reason.slice(0, longestReason) }),
  }
}

/** An id that a proxy or a client may give: visible characters, so that a log line stays one line. */
const givenId = /^[\x21-\x7e]{1,200}$/

/** The client's id of the request, or a new one. */
function requestIdOf(c: Pick<CallContext, 'req'>): string {
  const given = c.req.header(requestIdHeader)
  return given !== undefined && givenId.test(given) ? given : randomUUID()
}

/**
 * On Node's own response: Hono would copy the answer to add a header to it. Node then writes all headers one by one,
 * which the hot route avoids by having the id among its own.
 */
function addHeaders(c: Context, id: string, traceresponse: string | undefined): void {
  const outgoing = (c.env as Partial<HttpBindings> | undefined)?.outgoing
  if (!outgoing || outgoing.headersSent) return
  outgoing.setHeader(requestIdHeader, id)
  if (traceresponse !== undefined) outgoing.setHeader(traceresponseHeader, traceresponse)
}

export const round = (ms: number) => Math.round(ms * 100) / 100
