import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import { isLoopback } from './may-listen.ts'
import { refuseUnread } from './refuse-unread.ts'

/** Headers by which a proxy on this machine tells that it passes another's request on. */
const proxyHeaders = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/** Refuses requests from other machines. @param hint What helps those who send them. */
export const createOnlyLocal =
  (hint: string): MiddlewareHandler =>
  (c, next) => {
    // `app.request` in a test has no socket.
    const address = (c.env as Partial<HttpBindings> | undefined)?.incoming?.socket.remoteAddress
    const isPassedOn = proxyHeaders.some((name) => c.req.header(name) !== undefined)
    if ((address === undefined || isLoopback(address)) && !isPassedOn) return next()
    refuseUnread(c)
    throw new SpillwayError('access_denied', `${c.req.path} is for this machine only`, {
      expected: 'a request from this machine',
      got: isPassedOn ? 'one that a proxy passes on' : 'one from another',
      hint,
    })
  }
