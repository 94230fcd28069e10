import { createServer, type Server, type ServerOptions } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { createEarlyRefusals, type EarlyOptions } from './routes/oip/early-refusals.ts'

/**
 * A server of the app over HTTP that does not listen yet. What it refuses early never reaches the app.
 *
 * @param hostname Of requests that name no host, as those of HTTP/1.0.
 */
export function serveApp(
  { fetch }: Pick<Hono, 'fetch'>,
  options: EarlyOptions,
  hostname: string,
  serverOptions: ServerOptions = {},
): Server {
  const toApp = getRequestListener(fetch, { hostname })
  const refuseEarly = createEarlyRefusals(options)
  return createServer(serverOptions, (incoming, outgoing) =>
    refuseEarly(incoming, outgoing, () => void toApp(incoming, outgoing)),
  )
}
