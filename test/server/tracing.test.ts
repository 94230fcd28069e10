import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isTracingConfigured } from '../../server/observability/tracing.ts'
import { startServer, type TestServer } from '../support/server.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
}

/** An OTLP server over HTTP, in its JSON form. */
const received: { readonly path: string | undefined; readonly spans: Span[]; readonly service: unknown }[] =
  []
const collector = createServer(async (request, response) => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const { resourceSpans } = JSON.parse(Buffer.concat(parts).toString())
  for (const { resource, scopeSpans } of resourceSpans) {
    const service = resource.attributes.find(({ key }: { key: string }) => key === 'service.name')
    const spans = scopeSpans.flatMap(({ spans }: { spans: Span[] }) => spans)
    received.push({ path: request.url, spans, service: service?.value.stringValue })
  }
  response.setHeader('content-type', 'application/json').end('{}')
})

let server: TestServer
beforeAll(async () => {
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const { port } = collector.address() as AddressInfo
  server = await startServer({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  })
})
afterAll(async () => {
  await server.stop()
  collector.close()
})

const traceId = '0af7651916cd43dd8448eb211c80319c'
const traceOf = (id: string) => received.flatMap(({ spans }) => spans).filter((span) => span.traceId === id)

/** The spans of a trace, by their names, once all have come. */
async function spansOf(id: string, names: readonly string[]) {
  await expect
    .poll(() =>
      traceOf(id)
        .map(({ name }) => name)
        .sort(),
    )
    .toEqual([...names].sort())
  return new Map(traceOf(id).map((span) => [span.name, span]))
}

const attribute = (span: Span | undefined, name: string) =>
  Object.values(span?.attributes.find(({ key }) => key === name)?.value ?? {})[0]

describe('a request that the page traces', () => {
  test('is a span in its trace, with the queue and the run as children', async () => {
    const response = await fetch(new URL('v2/models/digits/infer', server.url), {
      method: 'POST',
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      body: JSON.stringify({
        inputs: [
          { name: 'image', datatype: 'FP32', shape: [2, 1, 28, 28], data: new Array(1_568).fill(0.5) },
        ],
      }),
    })
    expect(response.status).toBe(200)
    const route = 'POST /v2/models/:name/infer'
    const spans = await spansOf(traceId, [route, 'queue', 'run'])
    const request = spans.get(route)
    expect(request).toMatchObject({ parentSpanId: 'b7ad6b7169203331', kind: 2 })
    expect(response.headers.get('traceresponse')).toBe(`00-${traceId}-${request?.spanId}-01`)
    expect(attribute(request, 'gen_ai.request.model')).toBe('digits')
    expect(Number(attribute(request, 'spillway.rows'))).toBe(2)
    expect(Number(attribute(request, 'http.response.status_code'))).toBe(200)
    const [queue, run] = [spans.get('queue'), spans.get('run')]
    expect([queue?.parentSpanId, run?.parentSpanId]).toEqual([request?.spanId, request?.spanId])
    const times = [
      request?.startTimeUnixNano,
      queue?.endTimeUnixNano,
      run?.endTimeUnixNano,
      request?.endTimeUnixNano,
    ]
    const nanos = times.map((time) => BigInt(time ?? 0))
    expect(nanos).toEqual([...nanos].sort((one, other) => (one < other ? -1 : 1)))
    expect(Math.abs(Date.now() - Number(nanos[0]) / 1e6)).toBeLessThan(60_000)
    expect(received[0]).toMatchObject({ path: '/v1/traces', service: 'spillway' })
  })
})

test('a stream is a span until its end, with its tokens', async () => {
  const response = await fetch(new URL('v1/completions', server.url), {
    method: 'POST',
    body: JSON.stringify({ model: 'bard', prompt: 'Once', max_tokens: 4, ignore_eos: true, stream: true }),
  })
  await response.text()
  const own = response.headers.get('traceresponse')?.split('-')[1] ?? ''
  const spans = await spansOf(own, ['POST /v1/completions', 'queue', 'run'])
  expect(Number(attribute(spans.get('POST /v1/completions'), 'gen_ai.usage.output_tokens'))).toBe(4)
})

test('a span that the page does not record is not recorded here', async () => {
  const unsampled = '1af7651916cd43dd8448eb211c80319c'
  const response = await fetch(new URL('v2', server.url), {
    headers: { traceparent: `00-${unsampled}-b7ad6b7169203331-00` },
  })
  expect(response.headers.get('traceresponse')).toMatch(new RegExp(`^00-${unsampled}-[0-9a-f]{16}-00$`))
  const later = await fetch(new URL('v2/models/digits', server.url))
  const own = later.headers.get('traceresponse')?.split('-')[1] ?? ''
  await spansOf(own, ['GET /v2/models/:name'])
  expect(traceOf(unsampled)).toEqual([])
})

test('the last spans are sent at the shutdown', async () => {
  const response = await fetch(new URL('v2/models/bard', server.url))
  const own = response.headers.get('traceresponse')?.split('-')[1] ?? ''
  expect(await server.stop()).toBe(0)
  expect(traceOf(own)).toHaveLength(1)
})

describe('traces are sent', () => {
  test.each([
    [{}, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://a:4318/v1/traces' }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318', OTEL_SDK_DISABLED: 'true' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318', OTEL_TRACES_EXPORTER: 'none' }, false],
  ])('with %o: %s', (env, isConfigured) => {
    expect(isTracingConfigured(env)).toBe(isConfigured)
  })

  test('over HTTP only', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
    expect(() => isTracingConfigured(env)).toThrow('expected http/json')
  })
})
