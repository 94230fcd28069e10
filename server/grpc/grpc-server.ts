import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../models/async/clock.ts'
import type { Drained } from '../shutdown.ts'
import type { Calls } from './calls.ts'

export interface GrpcServerOptions {
  readonly calls: Calls
  readonly port: number
  readonly host: string
  /** Milliseconds between pings: a connection whose client has gone answers none, and is closed. */
  readonly pingMs: number
  readonly clock: Clock
  /** Called for each call, with what it calls at its end. */
  readonly begin: () => () => void
  readonly onListening: (address: AddressInfo) => void
  readonly onError: (cause: Error) => void
}

const mebibyte = 2 ** 20

/** Bytes that a client may send ahead of their reading, in a call and in all of a connection's. */
const callWindow = mebibyte
const connectionWindow = 8 * mebibyte

/** Calls of one connection at once: each may hold a message. */
const maxConcurrentStreams = 1_000

/** Serves gRPC over HTTP/2 without TLS, which a proxy in front adds. */
export function serveGrpc(options: GrpcServerOptions): Drained {
  const { calls, clock, pingMs, begin } = options
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer({
    settings: { maxConcurrentStreams, initialWindowSize: callWindow, maxHeaderListSize: 16_384 },
    // Node counts answers that are not read yet; the queue bounds them already.
    maxSessionMemory: 1_024,
  })
  server.on('request', (req, res) => {
    res.once('close', begin())
    calls.onRequest(req, res)
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.setLocalWindowSize(connectionWindow)
    // A broken connection ends its calls, which `close` of their streams tells.
    session.on('error', () => {})
    let cancelPing = () => {}
    const ping = () => {
      cancelPing = clock.after(pingMs, () => {
        if (session.closed) return
        const unanswered = clock.after(pingMs, () => session.destroy())
        cancelPing = unanswered
        session.ping(() => {
          unanswered()
          ping()
        })
      })
    }
    ping()
    session.once('close', () => {
      sessions.delete(session)
      cancelPing()
    })
  })
  server.on('error', options.onError)
  server.listen(options.port, options.host, () => options.onListening(server.address() as AddressInfo))
  return {
    // Each connection is told to send no more calls; those that it has go on.
    drain: () => {
      server.close()
      calls.drain()
      for (const session of sessions) session.close()
    },
    stop: () => {
      server.close()
      for (const session of sessions) session.destroy()
    },
  }
}
