import { monitorEventLoopDelay } from 'node:perf_hooks'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'

/**
 * Listens on a free port and sends the port to the parent process. Answers each later message of the parent with the
 * event loop's p99 delay in milliseconds since the last one.
 */
export function listen(app: Pick<Hono, 'fetch'>): void {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  process.on('message', () => {
    process.send?.({ p99: delay.percentile(99) / 1e6 })
    delay.reset()
  })
  process.on('disconnect', () => process.exit(0))
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.({ port }))
}
