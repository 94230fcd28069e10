import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { serveApp } from '../../server/serve-app.ts'
import type { TestApp } from './test-app.ts'

/** An app behind a socket of its own. @param options What the server's app was made of, to serve it as the server does. */
export async function listen({ fetch }: Pick<TestApp, 'fetch'>, options?: TestApp['options']) {
  const hostname = '127.0.0.1'
  const server = options
    ? serveApp({ fetch }, options, hostname)
    : createServer(getRequestListener(fetch, { hostname }))
  server.listen(0, hostname)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://localhost:${port}/`),
    port,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
