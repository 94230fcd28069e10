import { monitorEventLoopDelay } from 'node:perf_hooks'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'

/**
 * Listens on a free port and tells it to the process that started this one; whenever that one asks after that, tells how
 * long this process kept its event loop waiting: p99 in milliseconds since it was last asked.
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
