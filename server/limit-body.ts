import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { SpillwayError } from '../models/index.ts'

/**
 * Refuses a body past the limit before it is read. A told length is believed, since Node's parser holds the client
 * to it; only a body without one is counted as it comes, which makes a stream of it and costs more than most runs do.
 */
export function limitBody(maxBytes: number): MiddlewareHandler {
  const refuse = (): never => {
    throw new SpillwayError('body_too_large', 'The request is too large', {
      expected: `at most ${maxBytes} bytes`,
      hint: 'Send fewer rows at once.',
    })
  }
  const count = bodyLimit({ maxSize: maxBytes, onError: refuse })
  return (c, next) => {
    const length = c.req.header('content-length')
    if (length === undefined || c.req.header('transfer-encoding') !== undefined) return count(c, next)
    return Number(length) > maxBytes ? refuse() : next()
  }
}
