import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { cors } from 'hono/cors'

/** Serves a folder's files to pages of any origin. */
export async function serveFolder(root: string): Promise<{ readonly url: URL; close(): void }> {
  const app = new Hono().use(cors({ origin: '*' })).use(serveStatic({ root }))
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return { url: new URL(`http://localhost:${port}/`), close: () => void server.close() }
}
