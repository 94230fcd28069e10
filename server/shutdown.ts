import type { ServerType } from '@hono/node-server'
import type { Inference } from './inference.ts'
import type { Log } from './log.ts'

/** Milliseconds that requests in flight have to finish. */
const graceMs = 10_000

/** On SIGTERM or Ctrl-C: takes no new connection, lets requests in flight finish, ends the lanes, exits. */
export function shutDown(server: ServerType, inference: Inference, log: Log): void {
  const stop = (signal: NodeJS.Signals) => {
    log.info(`${signal}: finishing requests in flight`)
    const end = (code: number) => {
      inference.close()
      log.info('Ended')
      process.exit(code)
    }
    // A client that keeps its connection alive would hold the server open after its last answer.
    if ('keepAliveTimeout' in server) server.keepAliveTimeout = 1
    server.close(() => end(0))
    setTimeout(() => end(1), graceMs).unref()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}
