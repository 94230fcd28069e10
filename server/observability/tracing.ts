import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { Log } from '../http/request-log.ts'
import type { RequestSpan, Traceparent } from './trace-context.ts'

/** A part of a request: milliseconds, and when it ended on the clock. */
export interface Phase {
  readonly ms: number
  readonly endedAt: number
}

/** What a request's span says at its end. */
export interface EndedRequest {
  readonly method: string
  /** The route's pattern. */
  readonly route: string
  readonly path: string
  readonly status: number
  readonly code: string | undefined
  /** The model, rows and tokens, as far as the request has them. */
  readonly attributes: Readonly<Record<string, string | number>>
  /** Its wait for a lane or a slot. */
  readonly queue: Phase | undefined
  readonly run: Phase | undefined
}

/** A span that is sent to the collector when it ends. */
export interface RecordedSpan extends RequestSpan {
  end(request: EndedRequest): void
}

/** Sends a span for each request, with its queue and its run as children. */
export interface Tracing {
  start(parent: Traceparent | undefined): RecordedSpan
  /** Sends what has ended; resolves within a second. */
  close(): Promise<void>
}

/** Where OpenTelemetry's own variables ask for traces. They are read by its SDK, so that all of them mean what they do elsewhere. */
export function isTracingConfigured(env: Readonly<Record<string, string | undefined>>): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none'
  if (!endpoint || isOff) return false
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL
  if (protocol && !protocol.startsWith('http/')) {
    throw new SpillwayError(
      'request_malformed',
      'The protocol of OTEL_EXPORTER_OTLP_PROTOCOL is not supported',
      {
        expected:
          'http/json or http/protobuf: traces are sent as JSON over HTTP, to the port 4318 of a collector',
        got: protocol,
      },
    )
  }
  return true
}

/** The libraries are loaded only where traces are asked for. */
export async function startTracing(
  env: Readonly<Record<string, string | undefined>>,
  version: string,
  clock: Clock,
  log: Log,
): Promise<Tracing | undefined> {
  if (!isTracingConfigured(env)) return undefined
  const { createOtlpTracing } = await import('./otlp-tracing.ts')
  return createOtlpTracing(version, clock, (message) =>
    log.warn({ reason: message }, 'Traces could not be sent'),
  )
}
