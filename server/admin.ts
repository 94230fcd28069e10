import { Hono } from 'hono'
import type { Metrics } from './observability/metrics.ts'

/** What the owner of a server reads: `/metrics`. It has a port of its own where `SPILLWAY_ADMIN_PORT` is set. */
export const adminRoutes = ({ registry }: Metrics) =>
  new Hono().get('/metrics', async (c) =>
    c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  )
