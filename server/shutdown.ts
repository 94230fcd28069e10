import type { Server } from 'node:http'
import type { ServerType } from '@hono/node-server'
import type { Log } from './http/request-log.ts'
import type { Inference } from './inference/inference.ts'

/**
 * On SIGTERM or Ctrl-C: accepts no new connection, lets requests in flight finish, ends the lanes and exits.
 *
 * @param graceMs Milliseconds for requests in flight to finish.
 * @param flush Sends what is left of traces.
 */
export function shutDownOnSignal(
  server: ServerType,
  inference: Inference,
  log: Log,
  graceMs: number,
  flush: () => Promise<void>,
): void {
  const http = server as Server
  let inFlight = 0
  let stopping = false
  // Connections without a request, kept alive or opened ahead, would keep the server from closing.
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
    const exit = (code: number) => {
      inference.close()
      log.info('Stopped')
      // The last lines have a moment to be written; a reader that stands still does not keep the process.
      void flush().finally(() => log.flush(() => process.exit(code)))
    }
    stopping = true
    server.close(() => exit(0))
    closeIdle()
    setTimeout(() => exit(1), graceMs).unref()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}
