import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import type { TestApp } from './test-app.ts'

/** An app behind a socket of its own. */
export async function listen({ fetch }: Pick<TestApp, 'fetch'>) {
  const server: ServerType = serve({ fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://localhost:${port}/`),
    port,
    close: () => {
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
    },
  }
}
