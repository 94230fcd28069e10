import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { FileSource } from './file-source.ts'

/** The errors of a download. */

const hint = 'It was not stored. Check the file on the server against its manifest.'

const retryable = [
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'overloaded',
  'file_truncated',
]

/** Whether a later attempt may succeed. */
export const isRetryable = ({ code }: SpillwayError): boolean => retryable.includes(code)

export const sizeMismatch = ({ path }: FileSource, expected: number, got: string) =>
  new SpillwayError('file_altered', `${path} has the wrong size`, {
    expected: `${expected} bytes`,
    got,
    hint,
  })

/** A body that ends too early, with or without an error of the browser. */
export const connectionCut = (
  { path }: FileSource,
  expected: number | undefined,
  got: number,
  cause?: unknown,
) =>
  new SpillwayError(
    'file_truncated',
    `The connection was cut before all of ${path} came${cause === undefined ? '' : ` (${messageOf(cause)})`}`,
    { expected: expected === undefined ? 'the whole file' : `${expected} bytes`, got: `${got}` },
    { cause },
  )

export const serverUnreachable = ({ path }: FileSource, { origin }: URL, cause: unknown) =>
  new SpillwayError(
    'server_unreachable',
    `${path} could not be fetched from ${origin}: ${messageOf(cause)}`,
    {},
    { cause },
  )

export const downloadStalled = ({ path }: FileSource, ms: number) =>
  new SpillwayError('server_timeout', `${path} stopped coming`, {
    expected: `bytes within ${ms / 1000} s`,
    got: 'none',
  })

export const wrongRange = ({ path }: FileSource, start: number, got: string) =>
  new SpillwayError('server_response_invalid', `The server sent another part of ${path}`, {
    expected: `bytes from ${start}`,
    got,
  })

export const rangeUnsatisfiable = ({ path }: FileSource) =>
  new SpillwayError('server_response_invalid', `The server has no such part of ${path}`, {
    expected: 'status 206',
    got: 'status 416',
  })

export const rangesStopped = ({ path }: FileSource) =>
  new SpillwayError('server_response_invalid', `The server stopped sending parts of ${path}`, {
    expected: 'status 206',
    got: 'another status',
  })

/** Statuses of a busy server, which is asked again at the time that it names. */
const busy = [408, 425, 429, 503]

/** The error for a response that is not the file. */
export function responseError({ path }: FileSource, url: URL, { status, headers }: Response): SpillwayError {
  const got = `status ${status}, ${headers.get('content-type') ?? 'no content type'}`
  const expected = 'status 200 with the bytes of the file'
  if (busy.includes(status)) {
    const seconds = Number(headers.get('retry-after'))
    return new SpillwayError('overloaded', `The server does not send ${path} now`, {
      expected,
      got,
      ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
    })
  }
  if (status >= 500)
    return new SpillwayError('server_response_invalid', `The server failed to send ${path}`, {
      expected,
      got,
    })
  if (status === 401 || status === 403) {
    return new SpillwayError('access_denied', `The server denies access to ${path}`, {
      expected,
      got,
      hint: `${url.origin} requires a token with access to it.`,
    })
  }
  return new SpillwayError('file_missing', `The server has no ${path}`, {
    expected,
    got,
    hint: `Open ${url.href} to see what it answers.`,
  })
}

/** A page in place of a file: a captive portal, a sign-in, a site that answers every address with its app. */
export const isHtml = (headers: Headers): boolean => (headers.get('content-type') ?? '').includes('text/html')
