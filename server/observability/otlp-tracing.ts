import { DiagLogLevel, diag, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Clock } from '../../models/async/clock.ts'
import { type Traceparent, writeTraceContext } from './trace-context.ts'
import type { Phase, Tracing } from './tracing.ts'

/** Milliseconds that the last spans have at the shutdown. */
const flushMs = 1_000

/** Sends spans over OTLP. Sampler, limits, headers, resource and batches are set by OpenTelemetry's own variables. */
export function createOtlpTracing(
  version: string,
  clock: Clock,
  onProblem: (message: string) => void,
): Tracing {
  const report = (message: string) => onProblem(message.slice(0, 300))
  const silent = () => undefined
  diag.setLogger(
    { error: report, warn: report, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'spillway', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  const tracer = provider.getTracer('spillway', version)
  // The clock has no fixed beginning, and spans have the time of day.
  const offset = Date.now() - clock.now()
  const timeOf = (at: number) => new Date(offset + at)
  return {
    start: (parent) => {
      const span = tracer.startSpan(
        'request',
        { kind: SpanKind.SERVER, startTime: timeOf(clock.now()) },
        parent ? contextOf(parent) : ROOT_CONTEXT,
      )
      const own = span.spanContext()
      const inside = trace.setSpan(ROOT_CONTEXT, span)
      const addPhase = (name: string, phase: Phase | undefined) => {
        if (!phase) return
        const startTime = timeOf(phase.endedAt - phase.ms)
        tracer.startSpan(name, { startTime }, inside).end(timeOf(phase.endedAt))
      }
      const written = writeTraceContext(own.traceId, own.spanId, own.traceFlags)
      return {
        traceId: own.traceId,
        response: written,
        parent: written,
        end: ({ method, route, path, status, code, attributes, queue, run }) => {
          span.updateName(`${method} ${route}`)
          span.setAttributes({
            'http.request.method': method,
            'http.route': route,
            'url.path': path,
            'http.response.status_code': status,
            ...(code !== undefined && { 'error.type': code }),
            ...attributes,
          })
          // A client's fault is no error of a server's span.
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
          addPhase('queue', queue)
          addPhase('run', run)
          span.end(timeOf(clock.now()))
        },
      }
    },
    close: () =>
      new Promise((resolve) => {
        const cancel = clock.after(flushMs, resolve)
        provider
          .shutdown()
          .then(resolve, () => resolve())
          .finally(cancel)
      }),
  }
}

const contextOf = ({ traceId, spanId, flags }: Traceparent) =>
  trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true })
