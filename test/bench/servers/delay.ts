import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Hono } from 'hono'

/** Lets a bench read how long this process kept its event loop waiting: p99 in milliseconds since it was last asked. */
export function measureDelay(app: Hono): Hono {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  return app.get('/delay', (c) => {
    const p99 = delay.percentile(99) / 1e6
    delay.reset()
    return c.json({ p99 })
  })
}
