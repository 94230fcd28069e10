import { Hono } from 'hono'
import { maxReportBytes, telemetryReport } from '../../models/protocols/telemetry.ts'
import { readJson } from '../http/read-json.ts'
import type { DeviceMetrics } from '../observability/device-metrics.ts'

const body = { schema: telemetryReport, what: 'The report', maxBytes: maxReportBytes }

/** Takes what pages report of their requests, where their authors have opted in. */
export const telemetryRoutes = (devices: DeviceMetrics) =>
  new Hono().post('/', async (c) => {
    devices.add(await readJson(c, body))
    return c.body(null, 204)
  })
