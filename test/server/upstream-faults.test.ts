import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { inferResponse } from '../../models/protocols/oip-schemas.ts'
import { startTriton, type TritonFault, type TritonServer } from '../support/triton-server.ts'
import { type Front, startFront, writeUpstream } from '../support/upstream-front.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const { close } of opened.splice(0)) await close()
})

async function triton(change: Partial<TritonServer> = {}): Promise<TritonServer> {
  const server = await startTriton('digits')
  opened.push({ close: server.stop })
  return Object.assign(server, change)
}

/** A server in front of the given ones. */
async function frontOf(
  engines: readonly { readonly url: URL }[],
  change: Parameters<typeof startFront>[0] = {},
): Promise<Front> {
  const front = await startFront({ urls: engines.map(({ url }) => url.href), ...change })
  opened.push(front)
  return front
}

const logitsOf = async (response: Response) => {
  expect(response.status, await response.clone().text()).toBe(200)
  return inferResponse.parse(await response.json()).outputs[0]?.data
}

/** What `sums` makes of a row of one value. */
const sumsOf = (value: number) => Array.from({ length: 10 }, (_, index) => 784 * value * index)

describe('a request to a Triton upstream', () => {
  test('carries tensors in binary, its outputs, its deadline, its id and its span', async () => {
    const engine = await triton()
    const front = await frontOf([engine])
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const headers = { 'x-request-id': 'mine', traceparent }
    const response = await front.infer([0.5, 0.25], { headers }, { timeout: 5_000_000 })
    expect(await logitsOf(response)).toEqual([...sumsOf(0.5), ...sumsOf(0.25)])
    const [{ path, headers: sent, json } = expect.fail('nothing was sent')] = engine.seen
    expect(path).toBe('/v2/models/digits/infer')
    expect(sent).toMatchObject({
      'x-request-id': 'mine',
      traceparent,
      'content-type': 'application/octet-stream',
    })
    expect(Number(sent['request-timeout'])).toBeGreaterThan(4)
    expect(Number(sent['request-timeout'])).toBeLessThanOrEqual(5)
    expect(json.parameters?.timeout).toBeGreaterThan(4_000_000)
    expect(json.parameters?.timeout).toBeLessThanOrEqual(5_000_000)
    expect(json.inputs).toEqual([
      { name: 'image', shape: [2, 1, 28, 28], datatype: 'FP32', parameters: { binary_data_size: 6_272 } },
    ])
  })

  test('names the model, version and key of the configuration', async () => {
    vi.stubEnv('UPSTREAM_TEST_KEY', 'secret-of-the-engine')
    const engine = await triton()
    const front = await frontOf([engine], { version: '7', key: 'UPSTREAM_TEST_KEY' })
    await logitsOf(await front.infer([0.5]))
    expect(engine.seen[0]?.path).toBe('/v2/models/digits/versions/7/infer')
    expect(engine.seen[0]?.headers.authorization).toBe('Bearer secret-of-the-engine')
  })

  test('is JSON for an engine without the binary extension', async () => {
    const engine = await triton({ isBinary: false })
    const front = await frontOf([engine])
    expect(await logitsOf(await front.infer([0.5]))).toEqual(sumsOf(0.5))
    expect(engine.seen[0]?.headers['content-type']).toBe('application/json')
    expect(engine.seen[0]?.json.inputs?.[0]?.data).toHaveLength(784)
  })

  test('keeps its connection for the next one', async () => {
    const engine = await triton()
    const front = await frontOf([engine])
    const before = engine.connections
    for (let index = 0; index < 10; index++) await logitsOf(await front.infer([0.5]))
    expect(engine.connections - before).toBeLessThanOrEqual(1)
  })

  test('ends at its deadline, and its connection with it', async () => {
    const engine = await triton({ fault: 'hang' })
    const front = await frontOf([engine])
    const response = await front.infer([0.5], {}, { timeout: 200_000 })
    expect(response.status).toBe(503)
    expect(response.headers.get('spillway-error')).toBe('deadline_exceeded')
    await expect.poll(() => engine.abandoned).toBe(1)
  })

  test('ends when its caller leaves, and its connection with it', async () => {
    const engine = await triton({ fault: 'hang' })
    const front = await frontOf([engine])
    const controller = new AbortController()
    const answer = front.inference.run(
      front.entry(),
      {
        tensors: { image: { type: 'float32', data: new Float32Array(784), shape: [1, 1, 28, 28] } },
        rows: 1,
      },
      { signal: controller.signal },
    )
    answer.catch(() => undefined)
    await expect.poll(() => engine.seen.length).toBe(1)
    controller.abort()
    await expect(answer).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => engine.abandoned).toBe(1)
  })
})

describe('a fault of the upstream', () => {
  const cases: [TritonFault, number, string, RegExp][] = [
    ['reset', 503, 'lane_failed', /cannot be reached/],
    ['reset after headers', 503, 'lane_failed', /cannot be reached/],
    ['half a body', 503, 'lane_failed', /cannot be reached/],
    ['no JSON', 500, 'run_failed', /expected JSON/],
    ['HTML', 500, 'run_failed', /text\/html/],
    ['no outputs', 500, 'run_failed', /not valid at outputs/],
    ['too few bytes', 500, 'run_failed', /wrong number of bytes/],
    ['wrong shape', 500, 'model_output_invalid', /\[1, 5, 2\] for "logits"/],
    ['wrong datatype', 500, 'model_output_invalid', /int32 \[1, 10\] for "logits"/],
    [400, 400, 'request_malformed', /status 400 on demand/],
    [401, 503, 'lane_failed', /status 401 on demand/],
    [404, 404, 'model_unknown', /status 404 on demand/],
    [429, 503, 'overloaded', /status 429 on demand/],
    [500, 500, 'run_failed', /status 500 on demand/],
    [502, 503, 'lane_failed', /status 502 on demand/],
    [503, 503, 'overloaded', /status 503 on demand/],
    [504, 503, 'lane_failed', /status 504 on demand/],
  ]
  test.each(cases)('%s is %s %s', async (fault, status, code, message) => {
    const engine = await triton({ fault })
    const front = await frontOf([engine])
    const response = await front.infer([0.5])
    const { error } = await response.json()
    expect(response.headers.get('spillway-error'), error).toBe(code)
    expect(response.status).toBe(status)
    expect(error).toMatch(message)
    expect(response.headers.has('retry-after')).toBe(status === 503)
  })

  const ofReplica = cases
    .map(([fault]) => fault)
    .filter((fault) => fault !== 400 && fault !== 401 && fault !== 404)
  const retried = ofReplica.filter((fault) => fault !== 500 && !String(fault).startsWith('wrong'))
  test.each(retried)('%s is not seen by the caller where another replica answers', async (fault) => {
    const engines = [await triton({ fault }), await triton()]
    const front = await frontOf(engines)
    const answers = await Promise.all(
      [0.125, 0.25, 0.5, 1].map(async (value) => logitsOf(await front.infer([value]))),
    )
    expect(answers).toEqual([0.125, 0.25, 0.5, 1].map(sumsOf))
    expect(await front.metrics()).toMatch(
      /spillway_upstream_retries_total{model="there",outcome="made"} [1-4]\n/,
    )
  })

  test('keeps the hint of when to try again, in seconds or as a date', async () => {
    const engine = await triton({ fault: 503, retryAfter: '7' })
    const front = await frontOf([engine])
    expect((await front.infer([0.5])).headers.get('retry-after')).toBe('7')
    engine.retryAfter = new Date(Date.now() + 90_000).toUTCString()
    expect(Number((await front.infer([0.5])).headers.get('retry-after'))).toBeGreaterThan(60)
    expect(engine.seen).toHaveLength(2)
  })

  test('takes its replica out after two failures, and the probe takes it in again', async () => {
    const [bad, good] = [await triton({ fault: 'reset' }), await triton()]
    const front = await frontOf([bad, good])
    bad.isReady = false
    for (let index = 0; index < 20; index++)
      expect(await logitsOf(await front.infer([0.5]))).toEqual(sumsOf(0.5))
    expect(bad.seen.length).toBeLessThanOrEqual(3)
    expect(await front.metrics()).toContain(`spillway_upstream_up{model="there",replica="${bad.host}"} 0`)
    const out = { level: 40, replica: bad.host, msg: expect.stringContaining('gets no requests') }
    expect(front.lines).toContainEqual(expect.objectContaining(out))
    expect(await front.metrics()).toContain(`spillway_upstream_up{model="there",replica="${good.host}"} 1`)
    Object.assign(bad, { fault: 'none', isReady: true })
    await expect.poll(() => front.replicas().every(({ isOut }) => !isOut), { timeout: 5_000 }).toBe(true)
  })
})

describe('a model with an upstream', () => {
  test('is ready where a replica is, and refused at once where none is', async () => {
    const engine = await triton()
    const front = await frontOf([engine])
    expect((await front.request('/v2/models/there/ready')).status).toBe(200)
    expect((await front.request('/v2/health/ready')).status).toBe(200)
    await engine.stop()
    for (let index = 0; index < 2; index++) expect((await front.infer([0.5])).status).toBe(503)
    expect((await front.request('/v2/models/there/ready')).status).toBe(503)
    expect((await front.request('/v2/health/ready')).status).toBe(503)
    const response = await front.infer([0.5])
    expect(response.headers.get('spillway-error')).toBe('lane_failed')
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  })

  test('is not ready after a start without a replica, until one comes', async () => {
    const engine = await triton({ isReady: false })
    const front = await frontOf([engine])
    expect((await front.request('/v2/models/there/ready')).status).toBe(503)
    expect(front.lines).toContainEqual(expect.objectContaining({ msg: 'there could not be loaded' }))
    expect(front.inference.failure(front.entry())?.message).toContain('No replica of the upstream of there')
    engine.isReady = true
    await expect
      .poll(async () => (await front.request('/v2/models/there/ready')).status, { timeout: 5_000 })
      .toBe(200)
  })

  test('has a bound on its requests in flight, of which one caller does not take all', async () => {
    const engine = await triton()
    const front = await frontOf([engine], { maxConcurrent: 10 })
    let release = () => {}
    engine.held = new Promise((resolve) => {
      release = resolve
    })
    const from = (caller: string, count: number) =>
      Array.from({ length: count }, () => front.infer([0.5], { headers: { authorization: caller } }))
    const flood = from('flood', 20)
    await expect.poll(() => engine.seen.length).toBe(8)
    const other = from('other', 1)
    await expect.poll(() => engine.seen.length).toBe(9)
    release()
    const statuses = await Promise.all(flood.map(async (answer) => (await answer).status))
    expect(statuses.filter((status) => status === 200)).toHaveLength(8)
    expect(statuses.filter((status) => status === 503)).toHaveLength(12)
    expect(await Promise.all(other.map(async (answer) => (await answer).status))).toEqual([200])
    expect((await front.infer([0.5])).status).toBe(200)
  })

  test('is in the metrics and the log', async () => {
    const engine = await triton()
    const front = await frontOf([engine])
    await logitsOf(await front.infer([0.5, 0.5]))
    engine.fault = 400
    await front.infer([0.5])
    const metrics = await front.metrics()
    const labels = `model="there",replica="${engine.host}"`
    expect(metrics).toContain(`spillway_upstream_calls_total{${labels},outcome="answered"} 1`)
    expect(metrics).toContain(`spillway_upstream_calls_total{${labels},outcome="rejected"} 1`)
    expect(metrics).toContain(`spillway_upstream_in_flight{${labels}} 0`)
    expect(metrics).toMatch(/nv_inference_request_success{model="there",version="1"} 1\n/)
    expect(metrics).toMatch(/nv_inference_count{model="there",version="1"} 2\n/)
    expect(metrics).toMatch(/spillway_model_ready{model="there",version="1"} 1\n/)
    expect(front.lines).toContainEqual(
      expect.objectContaining({ msg: 'request', model: 'there', rows: 2, replica: engine.host }),
    )
  })

  test('moves to another upstream at a reread, and finishes what it has', async () => {
    const [before, after] = [await triton(), await triton()]
    const front = await frontOf([before])
    let release = () => {}
    before.held = new Promise((resolve) => {
      release = resolve
    })
    const old = front.infer([0.5])
    await expect.poll(() => before.seen.length).toBe(1)
    await writeUpstream(front.folder, 'there', { model: 'digits', urls: [after.url.href] })
    await front.reread()
    expect(await logitsOf(await front.infer([0.25]))).toEqual(sumsOf(0.25))
    expect(after.seen).toHaveLength(1)
    release()
    expect(await logitsOf(await old)).toEqual(sumsOf(0.5))
    await writeFile(join(front.folder, 'there', 'upstream.json'), '{}')
    await front.reread()
    expect(await logitsOf(await front.infer([0.25]))).toEqual(sumsOf(0.25))
  })

  test('is unloaded and loaded again on demand', async () => {
    const engine = await triton()
    const front = await frontOf([engine])
    front.inference.unload(front.entry())
    expect(front.inference.state(front.entry())).toBe('unloaded')
    const response = await front.infer([0.5])
    expect(response.status).toBe(404)
    expect((await response.json()).error).toContain('there is unloaded')
    expect(engine.seen).toHaveLength(0)
    await front.inference.prepare(front.entry())
    expect(await logitsOf(await front.infer([0.5]))).toEqual(sumsOf(0.5))
  })

  test('is refused in a generator, and its files are not there', async () => {
    const engine = await triton()
    const front = await frontOf([engine])
    const body = JSON.stringify({ model: 'there', messages: [{ role: 'user', content: 'a' }] })
    const response = await front.request('/v1/chat/completions', { method: 'POST', body })
    expect(response.status).toBe(400)
    expect((await response.json()).error.code).toBe('not_supported')
    const { models } = await (await front.request('/models/catalogue.json')).json()
    expect(models).toMatchObject([{ id: 'there', variants: [] }])
  })
})
