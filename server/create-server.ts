import type { Hono } from 'hono'
import { createApp } from './app.ts'
import { assembleServer } from './assemble-server.ts'
import { builtFiles } from './built-files.ts'
import { createLog, createLogTo } from './http/request-log.ts'
import { mountedApp, pathBelowMount } from './mounted-app.ts'
import { configOfOptions, type ServerOptions } from './server-options.ts'

/** A server without a socket of its own. */
export interface SpillwayServer {
  /** All routes of a server, to be mounted in another app, before what reads bodies: `app.route('/ai', server.app)`. */
  readonly app: Hono
  /** Resolves when each model is loaded, or could not be, which the log says. Requests may come before. */
  readonly ready: Promise<void>
  /** Ends the lanes. Requests that wait or run are answered with `closed`, as later ones are. */
  close(): Promise<void>
}

/**
 * Starts the lanes of a server, and loads the models. Who may call is for the application to decide, or for `keys`:
 * without them, everybody who reaches the routes is answered.
 *
 * @throws SpillwayError `input_name_invalid` for an option that there is not; `request_malformed` for one that is invalid,
 * and where onnxruntime-node is not installed; `manifest_invalid` for a folder of models; `capacity_insufficient` where
 * the backend does not work here.
 * @example
 * const server = await createServer({ models: ['./models'] })
 * const app = new Hono().route('/ai', server.app)
 */
export async function createServer(options: ServerOptions = {}): Promise<SpillwayServer> {
  const config = configOfOptions(options)
  const { log: destination } = options
  const log = destination
    ? createLogTo(destination)
    : destination === false
      ? createLogTo({ write: () => {} })
      : createLog()
  let isClosed = false
  const assembled = await assembleServer({
    config,
    files: builtFiles(import.meta.url),
    log,
    isDraining: () => isClosed,
  })
  const app = createApp({ ...assembled.options, getPath: pathBelowMount })
  return {
    app: mountedApp(app),
    ready: assembled.prepare(),
    close: async () => {
      if (isClosed) return
      isClosed = true
      assembled.inference.close()
      assembled.offload.close()
      assembled.limit?.close()
      await assembled.tracing?.close()
    },
  }
}
