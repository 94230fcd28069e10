import { serve } from '@hono/node-server'
import type { Hono } from 'hono'

/** Listens on a free port and tells it to the process that started this one. */
export function listen(app: Hono): void {
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.({ port }))
  process.on('disconnect', () => process.exit(0))
}
