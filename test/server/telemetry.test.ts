import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriesValue as value } from '../support/series-value.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  // A thousandth a second.
  server = await startServer({ SPILLWAY_GPU_HOUR_COST: '3.6' })
})
afterAll(async () => {
  await server.stop()
})

const metrics = async () => (await fetch(new URL('metrics', server.url))).text()
const send = (report: unknown) =>
  fetch(new URL('telemetry', server.url), {
    method: 'POST',
    headers: { origin: 'https://page.example' },
    body: typeof report === 'string' ? report : JSON.stringify(report),
  })
const entry = { model: 'digits', reason: 'device-capable', requests: 30, ms: 60 }
const report = {
  version: 1,
  device: 'gpu',
  onDevice: [{ ...entry, backend: 'webgpu' }],
  onServer: [{ ...entry, reason: 'spill', requests: 10, ms: 500 }],
  failed: [{ model: 'digits', code: 'lane_lost', requests: 2 }],
}
const infer = () =>
  fetch(new URL('v2/models/digits/infer', server.url), {
    method: 'POST',
    body: JSON.stringify({
      inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
    }),
  })

describe('what pages report', () => {
  test('is in the metrics: devices, share, spill, failures, and the money that devices saved', async () => {
    const before = await metrics()
    expect(
      value(before, 'spillway_device_requests_total{model="digits",backend="webgpu",device="gpu"}'),
    ).toBe(0)
    expect(value(before, 'spillway_saved_cost_total{model="digits"}')).toBe(0)
    const answer = await send(report)
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, '*'])
    const unpriced = await metrics()
    expect(
      value(unpriced, 'spillway_device_requests_total{model="digits",backend="webgpu",device="gpu"}'),
    ).toBe(30)
    expect(value(unpriced, 'spillway_page_requests_total{model="digits",tier="server",reason="spill"}')).toBe(
      10,
    )
    expect(value(unpriced, 'spillway_page_seconds_total{model="digits",tier="server"}')).toBe(0.5)
    expect(value(unpriced, 'spillway_page_failures_total{model="digits",code="lane_lost"}')).toBe(2)
    expect(value(unpriced, 'spillway_device_share{model="digits"}')).toBe(0.75)
    // The server has not measured the model yet.
    expect(value(unpriced, 'spillway_saved_seconds_total{model="digits"}')).toBe(0)
    expect((await infer()).status).toBe(200)
    const priced = await metrics()
    const perRequest = value(priced, 'spillway_server_seconds_per_request{model="digits"}')
    const saved = value(priced, 'spillway_saved_seconds_total{model="digits"}')
    expect(perRequest).toBeGreaterThan(0)
    expect(saved).toBeCloseTo(30 * perRequest, 9)
    expect(value(priced, 'spillway_saved_cost_total{model="digits"}')).toBeCloseTo(saved / 1000, 12)
  })

  test('saves nothing for models that this server does not offer, which are no labels', async () => {
    const onDevice = [{ ...entry, backend: 'webgpu', model: 'hf:someone/else' }]
    expect((await send({ ...report, onDevice, onServer: [], failed: [] })).status).toBe(204)
    expect(await metrics()).not.toContain('hf:someone')
  })

  test('prices texts by the time of a lane that they took here', async () => {
    await send({
      ...report,
      onDevice: [{ ...entry, model: 'bard', backend: 'wasm' }],
      onServer: [],
      failed: [],
    })
    const body = JSON.stringify({ model: 'bard', prompt: 'Once', max_tokens: 5, ignore_eos: true })
    await (await fetch(new URL('v1/completions', server.url), { method: 'POST', body })).text()
    const text = await metrics()
    const perText = value(text, 'spillway_server_seconds_per_request{model="bard"}')
    expect(perText).toBeGreaterThan(0)
    expect(value(text, 'spillway_saved_seconds_total{model="bard"}')).toBeCloseTo(30 * perText, 9)
  })

  test.each<[string, unknown, number]>([
    ['no JSON', 'none', 400],
    ['another version', { ...report, version: 2 }, 400],
    ['a field that there is not, such as inputs', { ...report, inputs: [1] }, 400],
    ['such a field in an entry', { ...report, failed: [{ ...report.failed[0], message: 'secret' }] }, 400],
    ['an unknown device', { ...report, device: 'toaster' }, 400],
    ['an unknown reason', { ...report, onServer: [{ ...entry, reason: 'whim' }] }, 400],
    ['an unknown code', { ...report, failed: [{ model: 'digits', code: 'whim', requests: 1 }] }, 400],
    ['negative requests', { ...report, onServer: [{ ...entry, requests: -1 }] }, 400],
    ['more requests than one page makes', { ...report, onServer: [{ ...entry, requests: 1e9 }] }, 400],
    ['too many entries', { ...report, onServer: new Array(65).fill(entry) }, 400],
    ['a body that is too large', 'x'.repeat(70_000), 413],
  ])('is refused with %s', async (_, body, status) => {
    const before = value(
      await metrics(),
      'spillway_page_requests_total{model="digits",tier="server",reason="spill"}',
    )
    expect((await send(body)).status).toBe(status)
    const after = value(
      await metrics(),
      'spillway_page_requests_total{model="digits",tier="server",reason="spill"}',
    )
    expect(after).toBe(before)
  })
})
