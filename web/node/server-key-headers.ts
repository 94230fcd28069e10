import { SpillwayError } from '../../models/core/index.ts'
import type { RequestHeaders } from '../remote/request-headers.ts'

/**
 * The header `authorization` with a program's key.
 *
 * @throws SpillwayError `input_value_invalid` for what is no key for servers, without the key.
 */
export function serverKeyHeaders(key: unknown): RequestHeaders {
  if (typeof key !== 'string' || !key.startsWith('sk_')) {
    throw new SpillwayError('input_value_invalid', 'key is no key for servers', {
      expected: 'a string that begins with sk_',
      got: 'another value',
      hint: 'Keys for pages (pk_) need the origin that a browser adds.',
    })
  }
  const headers = { authorization: `Bearer ${key}` }
  return { send: (_signal, send) => send(headers), stream: (_signal, send) => send(headers) }
}
