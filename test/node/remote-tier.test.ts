import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { requestJson } from '../../web/remote/request.ts'
import { traceHeaders } from '../../web/remote/request-headers.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { openRemoteTier } from '../support/remote-tier.ts'
import { digitsManifest } from '../support/test-models.ts'

let proxy: FaultProxy
beforeEach(async () => {
  proxy = await startFaultProxy(new URL(inject('serverUrl')))
})
afterEach(() => proxy.stop())

const ask = (path: string, timeoutMs = 10_000, signal?: AbortSignal) =>
  requestJson(new URL(path, proxy.url), { clock: systemClock, timeoutMs, signal })

describe('a request to the server tier', () => {
  test('resolves to the server’s answer', async () => {
    expect(await ask('v2/health/live')).toEqual({ live: true })
  })

  test('fails after its timeout', async () => {
    proxy.fault = () => 'hang'
    await expect(ask('v2', 200)).rejects.toMatchObject({
      code: 'server_timeout',
      detail: { expected: 'an answer within 200 ms', got: 'none' },
    })
  })

  test('is aborted by its caller', async () => {
    proxy.fault = () => 'hang'
    const controller = new AbortController()
    const answer = ask('v2', 10_000, controller.signal)
    controller.abort()
    await expect(answer).rejects.toMatchObject({ code: 'aborted' })
    await expect(ask('v2', 10_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' })
  })

  test.each([
    ['reset', 'server_unreachable', 'cannot be reached'],
    ['html', 'server_response_invalid', 'expected JSON, got status 200, text/html'],
  ] as const)('reports a server that answers with %s', async (fault, code, message) => {
    proxy.fault = () => fault
    await expect(ask('v2')).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('fails with the code that the server sends', async () => {
    await expect(ask('v2/models/cats')).rejects.toMatchObject({ code: 'model_unknown' })
    await expect(ask('nothing/here')).rejects.toMatchObject({
      code: 'request_malformed',
      message: 'There is nothing at GET /nothing/here',
    })
  })
})

describe('the server tier', () => {
  const image = new Float32Array(784).fill(0.3)
  const work = () => ({
    inputs: { image: { type: 'float32', data: image, shape: [1, 1, 28, 28] } as const },
    rows: 1,
    askedAt: systemClock.now(),
  })
  const sent = () =>
    proxy.seen.filter(({ path }) => path.endsWith('/infer')).map(({ bodyBytes }) => bodyBytes)

  test.each([
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '0af7651916cd43dd8448eb211c80319c'],
    ['no span', undefined],
    [undefined, undefined],
  ])('gets the traceparent %s of the page’s span as trace %s', async (traceparent, trace) => {
    const remote = openRemoteTier(
      proxy.url,
      systemClock,
      10,
      traceHeaders(() => traceparent),
    )
    await remote.submit(digitsManifest, work(), {})
    const { headers } = proxy.seen.find(({ path }) => path.endsWith('/infer')) ?? expect.fail('Nothing sent')
    expect(headers.traceparent?.toString().split('-')[1]).toBe(trace)
    remote.close()
  })

  test('gets JSON until it lists the binary extension; the answers are the same', async () => {
    const remote = openRemoteTier(proxy.url, systemClock)
    const first = await remote.submit(digitsManifest, work(), {})
    let later = first
    // The server is asked for its extensions meanwhile.
    await expect
      .poll(async () => {
        later = await remote.submit(digitsManifest, work(), {})
        return sent().at(-1)
      })
      .toBeLessThan(784 * 4 + 400)
    expect(later.outputs).toEqual(first.outputs)
    expect(later.executedOn).toEqual({ backend: 'cpu', variant: 'q8' })
    expect(sent()[0]).toBeGreaterThan(784 * 10)
    expect(proxy.seen.filter(({ path }) => path === '/v2')).toHaveLength(1)
    remote.close()
  })

  test('always gets JSON if it does not list the extension', async () => {
    proxy.fault = (_method, path) => (path === '/v2' ? 'reset' : 'pass')
    const remote = openRemoteTier(proxy.url, systemClock)
    for (let count = 0; count < 3; count++) await remote.submit(digitsManifest, work(), {})
    for (const bytes of sent()) expect(bytes).toBeGreaterThan(784 * 10)
    remote.close()
  })

  test('may write NaN and infinities as Triton does', async () => {
    const data = '[NaN,-Infinity,Infinity,0,0,0,0,0,0,0]'
    const parameters = '{"variant":"a \\"NaN, b"}'
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(
        `{"model_name":"digits","parameters":${parameters},"outputs":[{"name":"logits","datatype":"FP32","shape":[1,10],"data":${data}}]}`,
      )
    })
    await once(server.listen(0), 'listening')
    const remote = openRemoteTier(
      new URL(`http://localhost:${(server.address() as AddressInfo).port}`),
      systemClock,
    )
    const { outputs, executedOn } = await remote.submit(digitsManifest, work(), {})
    expect([...(outputs.logits?.data ?? [])].slice(0, 4)).toEqual([Number.NaN, -1 / 0, 1 / 0, 0])
    expect(executedOn.variant).toBe('a "NaN, b')
    remote.close()
    server.closeAllConnections()
    server.close()
  })

  test('gets NaN and infinities as strings if it does not list the extension', async () => {
    proxy.fault = (_method, path) => (path === '/v2' ? 'reset' : 'pass')
    const remote = openRemoteTier(proxy.url, systemClock)
    const data = new Float32Array(784).fill(Number.NEGATIVE_INFINITY)
    const inputs = { image: { type: 'float32', data, shape: [1, 1, 28, 28] } as const }
    const { outputs } = await remote.submit(digitsManifest, { ...work(), inputs }, {})
    expect(outputs.logits?.shape).toEqual([1, 10])
    expect(sent()[0]).toBeGreaterThan(784 * '"-Infinity"'.length)
    remote.close()
  })

  test('is waited for as long as a deadline allows', async () => {
    const clock = createManualClock()
    proxy.fault = (_method, path) => (path.endsWith('/infer') ? 'hang' : 'pass')
    const remote = openRemoteTier(proxy.url, clock)
    const outcome = remote.submit(
      digitsManifest,
      { ...work(), askedAt: clock.now() },
      { deadlineMs: 100_000 },
    )
    let code: unknown
    outcome.catch((cause) => {
      code = cause.code
    })
    await expect.poll(() => sent().length).toBe(1)
    clock.advance(60_000)
    // Another request's way through the same proxy: an error of this one would have come by then.
    await ask('v2/health/live')
    expect(code).toBeUndefined()
    clock.advance(40_000)
    await expect(outcome).rejects.toMatchObject({ code: 'deadline_exceeded' })
  })

  test('ends its requests in flight when it is closed', async () => {
    proxy.fault = () => 'hang'
    const remote = openRemoteTier(proxy.url, systemClock)
    const outcomes = [1, 2].map(() => remote.submit(digitsManifest, work(), {}))
    await expect.poll(() => sent().length).toBeGreaterThan(0)
    remote.close()
    for (const outcome of outcomes) await expect(outcome).rejects.toMatchObject({ code: 'closed' })
    await expect(remote.submit(digitsManifest, work(), {})).rejects.toMatchObject({ code: 'closed' })
  })
})
