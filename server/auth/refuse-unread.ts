import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { stopReading } from '../http/stop-reading.ts'

/** A body up to this length is read to its end, which keeps the connection. */
const mostRead = 65_536

/** A request is refused by its headers: its body, which may be long or endless, is not read. */
export function refuseUnread(c: Context): void {
  const { incoming, outgoing } = (c.env as Partial<HttpBindings> | undefined) ?? {}
  if (!incoming || !outgoing || incoming.complete) return
  const length = c.req.header('content-length')
  const isShort =
    length === undefined ? c.req.header('transfer-encoding') === undefined : Number(length) <= mostRead
  if (!isShort) stopReading(incoming, outgoing)
}
