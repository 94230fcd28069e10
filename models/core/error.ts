import { shorten } from './wording.ts'

/**
 * Every error code with the HTTP status that a server answers. Callers may switch on codes: codes are added, never
 * renamed.
 */
export const errorStatus = {
  // The request.
  model_unknown: 404,
  access_denied: 403,
  /** There is no valid key or token. */
  unauthenticated: 401,
  input_name_invalid: 400,
  output_name_invalid: 400,
  input_type_invalid: 400,
  input_shape_invalid: 400,
  input_size_invalid: 400,
  input_value_invalid: 400,
  request_malformed: 400,
  body_too_large: 413,
  /** A body in an encoding other than gzip and deflate. */
  encoding_unsupported: 415,
  context_exceeded: 400,
  not_supported: 400,
  // The model and its files.
  manifest_invalid: 500,
  file_missing: 500,
  file_truncated: 500,
  file_altered: 500,
  model_invalid: 500,
  run_failed: 500,
  model_output_invalid: 500,
  /** Rows of several requests cannot share a run of this model. Each request runs again alone. */
  rows_dependent: 500,
  /** Memory ran out at this number of rows; fewer rows may fit. */
  memory_exhausted: 503,
  // The place where it should run.
  capacity_insufficient: 503,
  lane_lost: 503,
  lane_failed: 503,
  poisoned: 500,
  overloaded: 503,
  /** The caller has used what it may use for now. */
  rate_limited: 429,
  deadline_exceeded: 503,
  server_absent: 503,
  server_unreachable: 503,
  server_timeout: 503,
  server_response_invalid: 502,
  /** The server is shutting down. Another replica behind the same address takes the request, or goes on with its text. */
  server_draining: 503,
  // The caller or the runtime gave up.
  aborted: 499,
  closed: 503,
  internal: 500,
} as const satisfies Record<string, number>

/**
 * What went wrong: a closed union. A code is added where callers need to tell a failure apart, and never renamed.
 * `web/docs/errors.md` explains each, which a site shows as `docs/errors.html#CODE`.
 *
 * @useDeclaredType
 */
export type ErrorCode = keyof typeof errorStatus

/** Whether a value, such as a header of a response, is one of our codes. */
export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorStatus, value)

/** Parts of an error besides its message. They cross workers, processes and servers. */
export interface ErrorDetail {
  /** What was expected. */
  readonly expected?: string
  /** What came instead. */
  readonly got?: string
  /** What the caller can do. */
  readonly hint?: string
  /** The invalid parameter of a request, as OpenAI's API names it. */
  readonly param?: string
  /** With `overloaded`, `rate_limited` and `server_draining`: milliseconds until another try makes sense. */
  readonly retryAfterMs?: number
}

/** An error as it is sent between workers, processes and servers. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly detail: ErrorDetail
}

/** The only error class. `code` identifies the error; the message says what was expected, what came and what to do. */
export class SpillwayError extends Error {
  override readonly name = 'SpillwayError'
  readonly code: ErrorCode
  readonly detail: ErrorDetail

  constructor(code: ErrorCode, what: string, detail: ErrorDetail = {}, options?: { cause?: unknown }) {
    const bounded = withShortTexts(detail)
    super(sentence(shorten(what, longestText), bounded), options)
    this.code = code
    this.detail = bounded
  }

  /** The HTTP status of the code. */
  get status(): number {
    return errorStatus[this.code]
  }

  /** The error as plain data, for a message or a response. */
  toWire(): WireError {
    return { code: this.code, message: this.message, detail: this.detail }
  }

  /** The inverse of `toWire`. */
  static fromWire({ code, message, detail }: WireError): SpillwayError {
    const error = new SpillwayError(code, '', detail)
    error.message = message
    return error
  }

  /** `cause` itself where it is a SpillwayError; otherwise a new error that keeps its message. */
  static from(cause: unknown, code: ErrorCode, what: string): SpillwayError {
    if (cause instanceof SpillwayError) return cause
    return new SpillwayError(code, `${what}: ${messageOf(cause)}`, {}, { cause })
  }
}

/** The message of anything that was thrown. */
export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** Characters of each part of an error: names that came in a request may have millions. */
const longestText = 2_000

const isLong = (value: unknown): value is string => typeof value === 'string' && value.length > longestText

function withShortTexts(detail: ErrorDetail): ErrorDetail {
  const parts = Object.entries(detail)
  if (!parts.some(([, value]) => isLong(value))) return detail
  return Object.fromEntries(
    parts.map(([name, value]) => [name, isLong(value) ? shorten(value, longestText) : value]),
  )
}

function sentence(what: string, { expected, got, hint }: ErrorDetail): string {
  const facts: string[] = []
  if (expected !== undefined) facts.push(`expected ${withoutStop(expected)}`)
  if (got !== undefined) facts.push(`got ${got}`)
  const message = facts.length === 0 ? what : `${withoutStop(what)}: ${facts.join(', ')}`
  return hint === undefined ? message : `${withoutStop(message)}. ${hint}`
}

/** Errors of the browser, which ours quote, may end with a full stop. */
const withoutStop = (text: string) => (text.endsWith('.') ? text.slice(0, -1) : text)
