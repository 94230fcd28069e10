import { Histogram, type Registry } from 'prom-client'
import { type ErrorCode, errorStatus, isErrorCode } from '../../models/core/index.ts'
import { collectedCounter } from './collected.ts'

/** Answers by route and status, under the names of OpenTelemetry's conventions, and refusals by reason. */
export interface HttpMetrics {
  /** @param route The route's pattern: paths have no bound. */
  answered(method: string, route: string, status: number, ms: number): void
  refused(code: ErrorCode): void
}

/** The buckets that OpenTelemetry advises, in seconds, and longer ones for texts and files. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300]

/** Node takes many more, which a client may send. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

export function httpMetrics(registry: Registry): HttpMetrics {
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'From the request to the end of its answer.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets,
    registers: [registry],
  })
  const refusals = new Map(
    Object.keys(errorStatus)
      .filter(isErrorCode)
      .map((code) => [code, 0]),
  )
  collectedCounter(
    registry,
    'spillway_refusals_total',
    'Requests that were answered with an error, by its code.',
    ['code'],
    function* () {
      for (const [code, count] of refusals) yield [{ code }, count]
    },
  )
  const series = new Map<string, Map<number, (seconds: number) => void>>()
  const observerOf = (method: string, route: string, status: number) => {
    const name = `${method} ${route}`
    const known = series.get(name) ?? new Map<number, (seconds: number) => void>()
    series.set(name, known)
    const bounded = methods.includes(method) ? method : '_OTHER'
    const { observe } = durations.labels(bounded, route, String(status))
    known.set(status, observe)
    return observe
  }
  return {
    answered: (method, route, status, ms) => {
      const observe = series.get(`${method} ${route}`)?.get(status) ?? observerOf(method, route, status)
      observe(ms / 1000)
    },
    refused: (code) => {
      refusals.set(code, (refusals.get(code) ?? 0) + 1)
    },
  }
}
