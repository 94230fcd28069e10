import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** Fires when the client goes before it is answered. The request's own signal would cost more than most runs do. */
export function callerGone(c: Context): AbortSignal {
  // There is no socket where the app is asked in its own process.
  const outgoing = (c.env as Partial<HttpBindings> | undefined)?.outgoing
  if (!outgoing) return c.req.raw.signal
  const controller = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort()
  })
  return controller.signal
}
