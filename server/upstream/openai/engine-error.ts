import { type ErrorCode, isErrorCode, SpillwayError } from '../../../models/core/index.ts'
import { errorCodeHeader } from '../../../models/protocols/oip.ts'
import { type ResponseHead, retryAfterOf } from '../../../models/protocols/responses.ts'

/** What an engine says of a failure: in an answer in place of a stream, or in an event within it. */
interface EngineFailure {
  readonly status: number
  /** OpenAI's code, or Spillway's. */
  readonly code: string | undefined
  readonly type: string | undefined
  readonly message: string
  readonly param: string | undefined
  readonly retryAfterMs: number | undefined
}

/** Until an engine that names no time may be asked again. */
const defaultRetryAfterMs = 1_000

/** Spillway's codes that say something of the way between the two servers: the caller's own is in order. */
const ofTheWay: ReadonlySet<string> = new Set<ErrorCode>([
  'unauthenticated',
  'access_denied',
  'model_unknown',
  'rate_limited',
  'server_absent',
  'aborted',
  'closed',
  'internal',
])

/** OpenAI's, llama.cpp's and vLLM's way to say that a prompt is too long. */
const tooLong = /context_length_exceeded|exceed_context_size|maximum context length/

/** The error of an engine's answer with another status than 200. */
export function errorOfAnswer(model: string, { status, headers }: ResponseHead, body: string): SpillwayError {
  const named = fieldsOf(jsonOf(body))
  return translate(model, {
    ...named,
    status,
    code: headers.get(errorCodeHeader) ?? named.code,
    message: named.message ?? body.slice(0, 500),
    retryAfterMs: retryAfterOf(headers),
  })
}

/** The error of an event within a stream. @param error Its member `error`. */
export function errorOfEvent(model: string, error: unknown): SpillwayError {
  const named = fieldsOf({ error })
  const { retry_after_ms: retryAfterMs }: { retry_after_ms?: unknown } = Object(error)
  return translate(model, {
    ...named,
    status: Number(named.code) || 500,
    message: named.message ?? '',
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  })
}

function translate(model: string, failure: EngineFailure): SpillwayError {
  const { status, code, type, message, param, retryAfterMs } = failure
  const said = { cause: new Error(`The engine of ${model} answered ${status}: ${message}`) }
  const ofRequest = (ours: ErrorCode) =>
    new SpillwayError(
      ours,
      message === '' ? `The engine of ${model} refuses the request with status ${status}` : message,
      param === undefined ? {} : { param },
      said,
    )
  if (isErrorCode(code) && !ofTheWay.has(code))
    return new SpillwayError(code, message, {
      ...(param !== undefined && { param }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  if (status === 401 || status === 403 || code === 'insufficient_quota')
    return new SpillwayError(
      'server_response_invalid',
      `The engine of ${model} does not let this server in`,
      { got: `status ${status}`, hint: "The operator has to check the key in the model's manifest." },
      said,
    )
  if (status === 404)
    return new SpillwayError(
      'server_response_invalid',
      `The engine of ${model} has no such model or route`,
      { got: 'status 404', hint: "The operator has to check the upstream in the model's manifest." },
      said,
    )
  if (status === 408 || status === 504)
    return new SpillwayError('deadline_exceeded', `The engine of ${model} did not answer in time`, {}, said)
  if (status === 429 || status === 503 || status === 529)
    return new SpillwayError(
      'overloaded',
      `The engine of ${model} is busy`,
      { retryAfterMs: retryAfterMs ?? defaultRetryAfterMs, hint: 'Try again later.' },
      said,
    )
  if (status === 413) return ofRequest('body_too_large')
  if (status === 501) return ofRequest('not_supported')
  if (status >= 400 && status < 500)
    return ofRequest(tooLong.test(`${code} ${type} ${message}`) ? 'context_exceeded' : 'request_malformed')
  return new SpillwayError(
    'server_response_invalid',
    `The engine of ${model} failed`,
    { got: `status ${status}` },
    said,
  )
}

/** The error's members, in the forms of OpenAI, of vLLM before 0.10, of FastAPI, and of a plain text. */
function fieldsOf(body: unknown): Pick<EngineFailure, 'code' | 'type' | 'param'> & { message?: string } {
  const { error, detail }: { error?: unknown; detail?: unknown } = Object(body)
  if (typeof error === 'string') return { message: error, code: undefined, type: undefined, param: undefined }
  const { message, code, type, param }: Readonly<Record<string, unknown>> = Object(error ?? body)
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  const said = text(message) ?? (detail === undefined ? undefined : JSON.stringify(detail))
  return {
    ...(said !== undefined && { message: said }),
    code: typeof code === 'number' ? String(code) : text(code),
    type: text(type),
    param: text(param),
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** Milliseconds until the same text may be asked for again. */
const retryBrokenMs = 1_000

/**
 * The error of a text that its engine broke off. Its code says that the same address answers a second request: by another
 * replica, which goes on with the text. The caller's way to this server is in order.
 */
export const brokenOff = (model: string, { message, detail: { got } }: SpillwayError): SpillwayError =>
  new SpillwayError('server_draining', `The engine of ${model} broke off`, {
    got: got ?? message,
    retryAfterMs: retryBrokenMs,
    hint: 'Send the request again: a text goes on from the tokens that came so far.',
  })

/** A stream that ends in the middle of its texts was cut, even where the connection was closed in order. */
export const cutOff = (model: string): SpillwayError =>
  new SpillwayError('server_unreachable', `The stream from the engine of ${model} was cut off`, {
    expected: 'events up to [DONE]',
    got: 'the end of the connection',
  })
