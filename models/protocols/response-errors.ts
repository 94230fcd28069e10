/** Errors that a server of the Open Inference Protocol or of the OpenAI API answers with. */
import { type ErrorCode, isErrorCode, SpillwayError } from '../core/error.ts'
import { errorCodeHeader } from './oip-names.ts'

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

interface ErrorResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
}

/** The error that a server answered with. `value` is the answer's JSON. */
export function serverError(
  { origin }: { readonly origin: string },
  response: ErrorResponse,
  value: unknown,
  codes: CodesByStatus = codesByStatus,
): SpillwayError {
  const header = response.headers.get(errorCodeHeader)
  const code = isErrorCode(header) ? header : (codes[response.status] ?? 'server_response_invalid')
  const message = messageIn(value)
  const seconds = Number(response.headers.get('retry-after'))
  return SpillwayError.fromWire({
    code,
    message: message ?? `The server at ${origin} answered status ${response.status}`,
    detail: seconds > 0 ? { retryAfterMs: seconds * 1000 } : {},
  })
}

/** The Open Inference Protocol's errors are `{ error: message }`, the OpenAI API's `{ error: { message } }`. */
function messageIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if ('message' in value && typeof value.message === 'string') return value.message
  if (!('error' in value)) return undefined
  return typeof value.error === 'string' ? value.error : messageIn(value.error)
}
