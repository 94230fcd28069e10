import type { HttpBindings } from '@hono/node-server'
import type { CallContext } from '../http/call-context.ts'
import { stopReading } from '../http/stop-reading.ts'

/** A body up to this length is read to its end, which keeps the connection. */
const mostRead = 65_536

/** Whether what is left of a request is read to its end although it is refused. */
export function isShort({ req }: Pick<CallContext, 'req'>): boolean {
  const length = req.header('content-length')
  return length === undefined ? req.header('transfer-encoding') === undefined : Number(length) <= mostRead
}

/** A request is refused by its headers: its body, which may be long or endless, is not read. */
export function refuseUnread(c: Pick<CallContext, 'req' | 'env'>): void {
  const { incoming, outgoing } = (c.env as Partial<HttpBindings> | undefined) ?? {}
  if (!incoming || !outgoing || incoming.complete) return
  if (!isShort(c)) stopReading(incoming, outgoing)
}
