import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { FileSource } from './file-source.ts'

/** What can be wrong with a file that is fetched. `isPassing` says which of it a later attempt may mend. */

const hint = 'It was not stored. Check the file on the server against its manifest.'

const passing = [
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'overloaded',
  'file_truncated',
]

export const isPassing = ({ code }: SpillwayError): boolean => passing.includes(code)

export const wrongHash = ({ path }: FileSource, expected: string, got: string) =>
  new SpillwayError('file_altered', `${path} is not what its manifest says`, {
    expected: `SHA-256 ${expected}`,
    got,
    hint,
  })

export const wrongSize = ({ path }: FileSource, expected: number, got: string) =>
  new SpillwayError('file_altered', `${path} has the wrong size`, {
    expected: `${expected} bytes`,
    got,
    hint,
  })

/** A connection that ends too early, whatever the browser calls it. */
export const brokenOff = ({ path }: FileSource, expected: number | undefined, got: number, cause?: unknown) =>
  new SpillwayError(
    'file_truncated',
    `${path} broke off${cause === undefined ? '' : ` (${messageOf(cause)})`}`,
    { expected: expected === undefined ? 'the whole file' : `${expected} bytes`, got: `${got}` },
    { cause },
  )

export const unreachable = ({ path }: FileSource, { origin }: URL, cause: unknown) =>
  new SpillwayError(
    'server_unreachable',
    `${path} could not be fetched from ${origin}: ${messageOf(cause)}`,
    {},
    { cause },
  )

export const stalled = ({ path }: FileSource, ms: number) =>
  new SpillwayError('server_timeout', `${path} stopped coming`, {
    expected: `bytes within ${ms / 1000} s`,
    got: 'none',
  })

/** Busy servers are asked again, at the time that they name. */
const busy = [408, 425, 429, 503]

export function refused({ path }: FileSource, url: URL, { status, headers }: Response): SpillwayError {
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
    return new SpillwayError('server_response_invalid', `The server fails to send ${path}`, { expected, got })
  if (status === 401 || status === 403) {
    const wanted = `${url.origin} wants a token that may read it.`
    return new SpillwayError('access_denied', `The server does not give ${path}`, {
      expected,
      got,
      hint: wanted,
    })
  }
  return new SpillwayError('file_missing', `The server has no ${path}`, {
    expected,
    got,
    hint: `Open ${url.href} to see what it answers.`,
  })
}

/** A page in place of a file: a captive portal, a sign-in, a site that answers every address with its app. */
export const isPage = (headers: Headers): boolean => (headers.get('content-type') ?? '').includes('text/html')
