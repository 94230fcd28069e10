import { SpillwayError } from '../../models/core/index.ts'
import type { CallContext } from '../http/call-context.ts'

export interface Refusal {
  readonly what?: string
  readonly expected?: string
  /** Never the key itself. */
  readonly got: string
  /** As in RFC 6750; absent where the request has no key at all. */
  readonly error?: 'invalid_token'
}

/** The error of a request without a valid key or token, with the header that HTTP requires. */
export function unauthenticated(
  c: Pick<CallContext, 'header'>,
  {
    what = 'This server takes requests with a key only',
    expected = 'the header "authorization: Bearer KEY"',
    got,
    error,
  }: Refusal,
): SpillwayError {
  c.header('www-authenticate', `Bearer realm="spillway"${error === undefined ? '' : `, error="${error}"`}`)
  return new SpillwayError('unauthenticated', what, { expected, got })
}
