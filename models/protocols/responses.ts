/** Answers of a server of the Open Inference Protocol or of the OpenAI API, and the errors in them. */
import { type ErrorCode, isErrorCode, SpillwayError } from '../core/error.ts'
import { errorCodeHeader } from './oip-names.ts'
import { decodeUtf8 } from './utf8.ts'

/** The part of an address that messages quote. */
export interface ServerAddress {
  readonly origin: string
  readonly href: string
}

/** The part of a response that tells what it is. */
export interface ResponseHead {
  readonly status: number
  readonly headers: { get(name: string): string | null }
}

/** Codes by status. */
export type CodesByStatus = Readonly<Record<number, ErrorCode>>

/** For servers that do not send our codes. */
export const codesByStatus: CodesByStatus = {
  400: 'request_malformed',
  401: 'unauthenticated',
  403: 'access_denied',
  404: 'model_unknown',
  413: 'body_too_large',
  429: 'overloaded',
  501: 'not_supported',
  503: 'overloaded',
}

/** The error that a server answered with. `value` is the answer's JSON. */
export function serverError(
  { origin }: ServerAddress,
  response: ResponseHead,
  value: unknown,
  codes: CodesByStatus = codesByStatus,
): SpillwayError {
  const header = response.headers.get(errorCodeHeader)
  const code = isErrorCode(header) ? header : (codes[response.status] ?? 'server_response_invalid')
  const message = stringIn(value, 'message')
  const param = stringIn(value, 'param')
  const retryAfterMs = retryAfterOf(response.headers)
  return SpillwayError.fromWire({
    code,
    message: message ?? `The server at ${origin} answered status ${response.status}`,
    detail: {
      ...(retryAfterMs !== undefined && retryAfterMs > 0 && { retryAfterMs }),
      ...(param !== undefined && { param }),
    },
  })
}

/** Milliseconds until another try makes sense: by `retry-after-ms`, or by `retry-after` in seconds or as a date. */
export function retryAfterOf(headers: ResponseHead['headers']): number | undefined {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN)
  if (ms >= 0) return ms
  const after = headers.get('retry-after')
  if (after === null) return undefined
  const seconds = Number(after)
  if (seconds >= 0) return seconds * 1_000
  const at = Date.parse(after)
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now())
}

/** The Open Inference Protocol's errors are `{ error: message }`, the OpenAI API's `{ error: { message, param } }`. */
function stringIn(value: unknown, name: 'message' | 'param'): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const found: unknown = Reflect.get(value, name)
  if (typeof found === 'string') return found
  if (!('error' in value)) return undefined
  if (typeof value.error !== 'string') return stringIn(value.error, name)
  return name === 'message' ? value.error : undefined
}

/** @throws SpillwayError `server_response_invalid`. */
export function readJson(server: ServerAddress, response: ResponseHead, bytes: Uint8Array): unknown {
  let text = ''
  try {
    text = decodeUtf8(bytes)
    return JSON.parse(text)
  } catch {
    throw notJson(server, response, text)
  }
}

const notJson = ({ origin, href }: ServerAddress, { status, headers }: ResponseHead, text: string) =>
  new SpillwayError('server_response_invalid', `${origin} did not answer as an inference server`, {
    expected: 'JSON',
    got: `status ${status}, ${headers.get('content-type') ?? 'no content type'}: ${text.slice(0, 60).trim()}`,
    hint: `Check that ${href} is a Spillway or Open Inference Protocol server.`,
  })
