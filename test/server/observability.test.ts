import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriesValue as value } from '../support/series-value.ts'
import { startServer, type TestServer } from '../support/server.ts'

const documented = readFileSync(new URL('../../server/OBSERVABILITY.md', import.meta.url), 'utf8')

let server: TestServer
/** What `/metrics` answers before any request. */
let first: string
beforeAll(async () => {
  server = await startServer({ SPILLWAY_MAX_TIMEOUT_SECONDS: '4' })
  first = await metrics()
})
afterAll(async () => {
  await server.stop()
})

const metrics = async () => (await fetch(new URL('metrics', server.url))).text()

const post = (path: string, body: unknown, init: RequestInit = {}) =>
  fetch(new URL(path, server.url), { method: 'POST', body: JSON.stringify(body), ...init })

const digits = (rows: number) => ({
  inputs: [
    { name: 'image', datatype: 'FP32', shape: [rows, 1, 28, 28], data: new Array(rows * 784).fill(0.5) },
  ],
})
const infer = (rows: number, headers: Record<string, string> = {}) =>
  post('v2/models/digits/infer', digits(rows), { headers })

/** A text that takes longer than any test. */
const long = { model: 'bard', prompt: 'Once', max_tokens: 2_000, ignore_eos: true }

/** The log line of a request, once it has been written. */
const lineOf = async (requestId: string) => {
  const find = () => server.log.find((line) => line.requestId === requestId)
  await expect.poll(find).toBeDefined()
  return find()
}

describe('the metrics', () => {
  test.each([
    'nv_inference_request_success{model="digits",version="1"}',
    'nv_inference_request_failure{model="digits",version="1",reason="REJECTED"}',
    'nv_inference_request_failure{model="digits",version="1",reason="BACKEND"}',
    'nv_inference_count{model="digits",version="1"}',
    'nv_inference_exec_count{model="digits",version="1"}',
    'nv_inference_request_duration_us{model="digits",version="1"}',
    'nv_inference_queue_duration_us{model="digits",version="1"}',
    'nv_inference_compute_infer_duration_us{model="digits",version="1"}',
    'nv_inference_pending_request_count{model="digits",version="1"}',
    'vllm:num_requests_running{model_name="bard"}',
    'vllm:num_requests_waiting{model_name="bard"}',
    'vllm:time_to_first_token_seconds_count{model_name="bard"}',
    'vllm:inter_token_latency_seconds_count{model_name="bard"}',
    'vllm:request_time_per_output_token_seconds_count{model_name="bard"}',
    'vllm:e2e_request_latency_seconds_count{model_name="bard"}',
    'vllm:prompt_tokens_total{model_name="bard"}',
    'vllm:generation_tokens_total{model_name="bard"}',
    'vllm:request_success_total{model_name="bard",finished_reason="abort"}',
    'spillway_lane_ends_total{cause="crash"}',
    'spillway_refusals_total{code="overloaded"}',
  ])('have the series %s from the start, with 0', (series) => {
    expect(value(first, series)).toBe(0)
  })

  test('are listed in OBSERVABILITY.md', () => {
    const names = [...first.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
    const others = names.filter((name) => !/^(process|nodejs)_/.test(name))
    expect(others.length).toBeGreaterThan(20)
    expect(others.filter((name) => !documented.includes(`\`${name}\``))).toEqual([])
  })

  test('have the lanes, the queue, the process and its event loop', () => {
    expect(value(first, 'spillway_lanes{state="idle",device="cpu"}')).toBeGreaterThan(0)
    expect(value(first, 'spillway_model_ready{model="digits",version="1"}')).toBe(1)
    expect(value(first, 'spillway_queue_seconds{model="digits",version="1"}')).toBeGreaterThanOrEqual(0)
    expect(value(first, 'spillway_offload_tasks{state="waiting"}')).toBe(0)
    expect(value(first, 'process_resident_memory_bytes')).toBeGreaterThan(0)
    expect(value(first, 'nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0)
  })

  test('count requests, rows, runs and their time', async () => {
    const before = await metrics()
    expect((await infer(3)).status).toBe(200)
    expect((await infer(2)).status).toBe(200)
    const after = await metrics()
    const grown = (name: string) => {
      const series = `${name}{model="digits",version="1"}`
      return value(after, series) - value(before, series)
    }
    expect(grown('nv_inference_request_success')).toBe(2)
    expect(grown('nv_inference_count')).toBe(5)
    expect(grown('nv_inference_exec_count')).toBe(2)
    expect(grown('nv_inference_compute_infer_duration_us')).toBeGreaterThan(0)
    expect(grown('nv_inference_request_duration_us')).toBeGreaterThanOrEqual(
      grown('nv_inference_compute_infer_duration_us'),
    )
  })

  test('name routes by their patterns; unknown paths are one label', async () => {
    for (const path of ['v2/models/digits', 'v2/models/bard', 'a/b', 'c/d'])
      await (await fetch(new URL(path, server.url))).text()
    const text = await metrics()
    const count = (route: string, status: number) =>
      value(
        text,
        `http_server_request_duration_seconds_count{http_request_method="GET",http_route="${route}",http_response_status_code="${status}"}`,
      )
    expect(count('/v2/models/:name', 200)).toBe(2)
    expect(count('unknown', 404)).toBe(2)
    expect(text).not.toMatch(/http_route="[^"]*\/(a|c|bard|digits)/)
  })

  test('count refusals by code, and a lane that was killed', async () => {
    const before = await metrics()
    await post('v2/models/nobody/infer', {})
    await post('v2/models/digits/infer', { inputs: [] })
    process.kill(server.lanes()[0] ?? 0, 'SIGKILL')
    const crashes = async () => value(await metrics(), 'spillway_lane_ends_total{cause="crash"}')
    await expect.poll(crashes).toBe(1)
    expect((await infer(1)).status).toBe(200)
    const after = await metrics()
    const grown = (code: string) =>
      value(after, `spillway_refusals_total{code="${code}"}`) -
      value(before, `spillway_refusals_total{code="${code}"}`)
    expect([grown('model_unknown'), grown('input_name_invalid')]).toEqual([1, 1])
    expect(value(after, 'spillway_lane_starts_total')).toBeGreaterThan(
      value(before, 'spillway_lane_starts_total'),
    )
  })
})

describe('the log line of', () => {
  test('a run has its id, caller, model, rows and times', async () => {
    const response = await infer(2, { 'x-request-id': 'run-1', 'api-key': 'secret' })
    expect(response.headers.get('x-request-id')).toBe('run-1')
    const line = await lineOf('run-1')
    expect(line).toMatchObject({ method: 'POST', status: 200, model: 'digits', rows: 2 })
    expect(line).toMatchObject({ queueMs: expect.any(Number), computeMs: expect.any(Number) })
    expect(line?.caller).toMatch(/^key /)
    expect(JSON.stringify(line)).not.toContain('secret')
  })

  test('a request that is refused has its reason', async () => {
    await post('v2/models/digits/infer', { inputs: [] }, { headers: { 'x-request-id': 'refused-1' } })
    expect(await lineOf('refused-1')).toMatchObject({
      status: 400,
      code: 'input_name_invalid',
      model: 'digits',
      reason: expect.stringContaining('image'),
    })
  })

  test('a text has its tokens', async () => {
    const body = { model: 'bard', prompt: 'Once', max_tokens: 5, ignore_eos: true }
    await (await post('v1/completions', body, { headers: { 'x-request-id': 'text-1' } })).json()
    const line = await lineOf('text-1')
    expect(line).toMatchObject({ model: 'bard', tokens: 5, queueMs: expect.any(Number) })
    expect(line?.promptTokens).toBeGreaterThan(0)
  })

  test('a stream is written at its end, which it names', async () => {
    const headers = { 'x-request-id': 'stream-1' }
    const body = { model: 'bard', prompt: 'Once', max_tokens: 5, ignore_eos: true, stream: true }
    await (await post('v1/completions', body, { headers })).text()
    expect(await lineOf('stream-1')).toMatchObject({ status: 200, tokens: 5, end: 'finished' })
  })

  test('a stream whose client leaves says so', async () => {
    const aborted = new AbortController()
    const response = await post(
      'v1/completions',
      { ...long, stream: true },
      { headers: { 'x-request-id': 'left-1' }, signal: aborted.signal },
    )
    await response.body?.getReader().read()
    aborted.abort()
    expect(await lineOf('left-1')).toMatchObject({ end: 'client_left', code: 'aborted' })
    await expect
      .poll(async () =>
        value(await metrics(), 'vllm:request_success_total{model_name="bard",finished_reason="abort"}'),
      )
      .toBeGreaterThan(0)
  })

  test('a stream that meets its deadline says so, with its real duration', async () => {
    const headers = { 'x-request-id': 'late-1' }
    await (await post('v1/completions', { ...long, n: 128, stream: true }, { headers })).text()
    const line = await lineOf('late-1')
    expect(line).toMatchObject({ status: 200, end: 'deadline', code: 'deadline_exceeded' })
    expect(line?.ms).toBeGreaterThan(3_000)
  })
})

describe('W3C trace context', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`

  test.each([
    ['a run', () => infer(1, { traceparent, 'x-request-id': 'trace-1' }), 'trace-1'],
    [
      'another route',
      () => fetch(new URL('v2', server.url), { headers: { traceparent, 'x-request-id': 'trace-2' } }),
      'trace-2',
    ],
  ])('of a caller is in the answer of %s, and in its log line', async (_, send, id) => {
    const response = await send()
    const returned = response.headers.get('traceresponse')
    expect(returned).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-0[01]$`))
    expect(returned).not.toContain('b7ad6b7169203331')
    expect(await lineOf(id)).toMatchObject({ traceId })
  })

  test.each([
    'nonsense',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `ff-${traceId}-b7ad6b7169203331-01`,
    `00-${traceId}-b7ad6b7169203331-01-more`,
  ])('is ignored where it is invalid: %s', async (invalid) => {
    const response = await infer(1, { traceparent: invalid })
    expect([response.status, response.headers.get('traceresponse')]).toEqual([200, null])
  })
})
