import type { Server } from 'node:http'
import type { ServerType } from '@hono/node-server'
import type { Inference } from './inference.ts'
import type { Log } from './log.ts'

/** Milliseconds that requests in flight have to finish. */
const graceMs = 10_000

/** On SIGTERM or Ctrl-C: takes no new connection, lets requests in flight finish, ends the lanes, exits. */
export function shutDown(server: ServerType, inference: Inference, log: Log): void {
  const http = server as Server
  let inFlight = 0
  let stopping = false
  // Connections without a request (kept alive, or opened ahead) would hold the server open.
  const closeIdle = () => {
    if (stopping && inFlight === 0) http.closeAllConnections()
  }
  http.on('request', (_request, response) => {
    inFlight++
    response.once('close', () => {
      inFlight--
      closeIdle()
    })
  })
  const stop = (signal: NodeJS.Signals) => {
    log.info(`${signal}: finishing requests in flight`)
    const end = (code: number) => {
      inference.close()
      log.info('Ended')
      // Lines that were left to the exit would be tried again for ever where nobody reads the log any more.
      log.flush(() => process.exit(code))
    }
    stopping = true
    server.close(() => end(0))
    closeIdle()
    setTimeout(() => end(1), graceMs).unref()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}
