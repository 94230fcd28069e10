import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import type { CallContext } from '../http/call-context.ts'
import { isLoopback } from './may-listen.ts'
import { refuseUnread } from './refuse-unread.ts'

/** Headers by which a proxy on this machine tells that it passes another's request on. */
const proxyHeaders = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/**
 * @param path What is asked for.
 * @param hint What helps those who send such requests.
 * @throws SpillwayError `access_denied` for a request from another machine.
 */
export function checkLocal(c: Pick<CallContext, 'req' | 'env'>, path: string, hint: string): void {
  // `app.request` in a test has no socket; one without an address has lost its connection.
  const socket = (c.env as Partial<HttpBindings> | undefined)?.incoming?.socket
  const isLocal = !socket || (socket.remoteAddress !== undefined && isLoopback(socket.remoteAddress))
  const isPassedOn = proxyHeaders.some((name) => c.req.header(name) !== undefined)
  if (isLocal && !isPassedOn) return
  throw new SpillwayError('access_denied', `${path} is for this machine only`, {
    expected: 'a request from this machine',
    got: isPassedOn ? 'one that a proxy passes on' : 'one from another',
    hint,
  })
}

/** Refuses requests from other machines. @param hint What helps those who send them. */
export const createOnlyLocal =
  (hint: string): MiddlewareHandler =>
  (c, next) => {
    try {
      checkLocal(c, c.req.path, hint)
    } catch (cause) {
      refuseUnread(c)
      throw cause
    }
    return next()
  }
