import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** One signal a connection, not one a request: creating a signal costs more than many runs. */
const signals = new WeakMap<Socket, AbortSignal>()

/**
 * A signal that aborts when the request's connection closes. A connection serves one request at a time, so until the
 * answer is sent its closing means that the client has left.
 */
export function disconnectSignal(c: Context): AbortSignal {
  // `app.request` in a test has no socket.
  const socket = (c.env as Partial<HttpBindings> | undefined)?.incoming?.socket
  if (!socket) return c.req.raw.signal
  const existing = signals.get(socket)
  if (existing) return existing
  const controller = new AbortController()
  signals.set(socket, controller.signal)
  // Pipelined requests each have a listener, which is no leak: Node would warn of it on stderr.
  setMaxListeners(0, controller.signal)
  if (socket.destroyed) controller.abort()
  else socket.once('close', () => controller.abort())
  return controller.signal
}
