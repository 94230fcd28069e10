import type { Socket } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** One a connection and not one a request: to make a signal costs more than many runs do. */
const gone = new WeakMap<Socket, AbortSignal>()

/** Fires when the client goes before it is answered: its connection closes, which answers one request at a time. */
export function disconnectSignal(c: Context): AbortSignal {
  // There is no socket where the app is asked in its own process.
  const socket = (c.env as Partial<HttpBindings> | undefined)?.incoming?.socket
  if (!socket) return c.req.raw.signal
  const known = gone.get(socket)
  if (known) return known
  const controller = new AbortController()
  gone.set(socket, controller.signal)
  if (socket.destroyed) controller.abort()
  else socket.once('close', () => controller.abort())
  return controller.signal
}
