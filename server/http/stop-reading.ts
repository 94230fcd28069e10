import type { HttpBindings } from '@hono/node-server'

/** Milliseconds for which a client that is still sending can read its answer. */
const lingerMs = 1_000

/** Leaves the rest of a request's body unread, and closes the connection after the answer. */
export function stopReading(incoming: HttpBindings['incoming'], outgoing: HttpBindings['outgoing']): void {
  if (!outgoing.headersSent) outgoing.setHeader('connection', 'close')
  incoming.pause()
  // Node and its adapter would resume the body after the answer, and read it to its end.
  incoming.resume = () => incoming
  const { socket } = incoming
  // A connection that is closed with unread data is reset: a client that is still sending would not see its answer.
  socket.destroySoon = () => {
    socket.end()
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }
}
