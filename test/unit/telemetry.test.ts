import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Placement, SpillwayError } from '../../models/core/index.ts'
import { maxEntries, maxReportBytes, telemetryReport } from '../../models/protocols/telemetry.ts'
import { checkTelemetry } from '../../web/api/check-options.ts'
import { noHeaders, type RequestHeaders } from '../../web/remote/request-headers.ts'
import { classOf, Telemetry } from '../../web/telemetry/telemetry.ts'
import { watchRequests } from '../../web/telemetry/watch-requests.ts'
import { createManualClock } from '../support/manual-clock.ts'

const onDevice: Placement = {
  tier: 'device',
  backend: 'webgpu',
  variant: 'q4',
  reason: 'device-capable',
  explanation: 'The device can run it: secret',
}
const onServer: Placement = { ...onDevice, tier: 'server', backend: 'cpu', reason: 'spill' }

describe('what a page counts', () => {
  test('is the number of requests by model, place and reason, and failures by code', () => {
    const telemetry = new Telemetry()
    telemetry.device = 'gpu'
    telemetry.answered('digits', onDevice, 3.4)
    telemetry.answered('digits', onDevice, 4)
    telemetry.answered('digits', onServer, 20)
    telemetry.failed('bard', new SpillwayError('overloaded', 'secret'))
    telemetry.failed('bard', new TypeError('secret'))
    const report = telemetry.take()
    expect(report).toEqual({
      version: 1,
      device: 'gpu',
      onDevice: [{ model: 'digits', backend: 'webgpu', reason: 'device-capable', requests: 2, ms: 7 }],
      onServer: [{ model: 'digits', reason: 'spill', requests: 1, ms: 20 }],
      failed: [
        { model: 'bard', code: 'overloaded', requests: 1 },
        { model: 'bard', code: 'internal', requests: 1 },
      ],
    })
    expect(telemetryReport.parse(report)).toEqual(report)
    expect(telemetry.take()).toBeUndefined()
  })

  test('is bounded, however many models a page has', () => {
    const telemetry = new Telemetry()
    for (let model = 0; model < 3 * maxEntries; model++) {
      for (const placement of [onDevice, onServer])
        telemetry.answered(`${'m'.repeat(120)}${model}`, placement, 1e6)
      telemetry.failed(`${'m'.repeat(120)}${model}`, new Error('secret'))
    }
    telemetry.answered('m'.repeat(129), onDevice, 1)
    const report = telemetry.take()
    expect(report?.onDevice).toHaveLength(maxEntries)
    expect(telemetryReport.safeParse(report).success).toBe(true)
    // Browsers send no more once the page is gone: 64 KiB of all reports together.
    expect(JSON.stringify(report).length).toBeLessThan(maxReportBytes)
  })

  test.each([
    [{ gpu: { software: false }, threads: 1 }, 'gpu'],
    [{ gpu: { software: true }, threads: 4 }, 'wasm-threads'],
    [{ gpu: null, threads: 1 }, 'wasm'],
  ])('has the class of the device: %o is %s', ({ gpu, threads }, device) => {
    expect(classOf({ gpu, wasm: { threads } })).toBe(device)
  })
})

describe('a page that has opted in', () => {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    bodies.push(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`)
    response.writeHead(204).end()
  })
  afterEach(() => {
    bodies.length = 0
    server.close()
  })

  test('reports once what was counted since, as plain text', async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const watcher = watchRequests(
      new URL(`http://127.0.0.1:${port}/ai/`),
      createManualClock(),
      noHeaders,
      () => undefined,
    )
    const answer = { placement: onDevice, timings: { totalMs: 5 }, outputs: 'secret' }
    expect(await watcher.watch('digits', Promise.resolve(answer))).toBe(answer)
    const failure = watcher.watch('digits', Promise.reject(new SpillwayError('aborted', 'secret')))
    await expect(failure).rejects.toMatchObject({ code: 'aborted' })
    watcher.send()
    await expect.poll(() => bodies.length).toBe(1)
    watcher.send()
    expect(bodies[0]).toMatch(
      /^POST \/ai\/telemetry text\/plain;charset=UTF-8 \{"version":1,"device":"unknown"/,
    )
    expect(bodies[0]).toContain('"code":"aborted"')
    expect(bodies[0]).not.toContain('secret')
    await new Promise(setImmediate)
    expect(bodies).toHaveLength(1)
  })

  test('carries the token of a page that has a key', async () => {
    const seen: unknown[] = []
    const keyed = createServer((request, response) => {
      seen.push(request.headers.authorization)
      response.end()
    }).listen(0, '127.0.0.1')
    await once(keyed, 'listening')
    const { port } = keyed.address() as AddressInfo
    const headers: RequestHeaders = {
      ...noHeaders,
      send: (_signal, send) => send({ authorization: 'Bearer t' }),
    }
    const watcher = watchRequests(
      new URL(`http://127.0.0.1:${port}`),
      createManualClock(),
      headers,
      () => undefined,
    )
    await watcher.watch('digits', Promise.resolve({ placement: onDevice, timings: { totalMs: 5 } }))
    watcher.send()
    await expect.poll(() => seen).toEqual(['Bearer t'])
    keyed.close()
  })
})

test('telemetry is off by default, and needs a server', () => {
  expect(checkTelemetry({})).toBe(false)
  expect(checkTelemetry({ telemetry: true })).toBe(true)
  expect(checkTelemetry({ server: null })).toBe(false)
  expect(() => checkTelemetry({ telemetry: true, server: null })).toThrow('needs a server')
  expect(() => checkTelemetry({ telemetry: 'yes' })).toThrow('true or false')
})
