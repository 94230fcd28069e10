import { Hono } from 'hono'
import { SpillwayError, schemaError } from '../../models/core/index.ts'
import { maxReportBytes, telemetryReport } from '../../models/protocols/telemetry.ts'
import { readBody } from '../http/read-body.ts'
import type { DeviceMetrics } from '../observability/device-metrics.ts'

/** Takes what pages report of their requests, where their authors have opted in. */
export const telemetryRoutes = (devices: DeviceMetrics) =>
  new Hono().post('/', async (c) => {
    const report = parseJson(await readBody(c, maxReportBytes))
    const parsed = telemetryReport.safeParse(report)
    if (!parsed.success) throw schemaError('request_malformed', 'The report', parsed.error, report)
    devices.add(parsed.data)
    return c.body(null, 204)
  })

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', 'The report is no JSON')
  }
}
