import { connect } from 'node:http2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { admitBy } from '../../server/auth/limits/limit-requests.ts'
import { RateLimits } from '../../server/auth/limits/rate-limits.ts'
import { createMemoryStore } from '../../server/auth/limits/rate-store.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { createAddressOf } from '../../server/http/caller.ts'
import { inferenceService, listenGrpc } from '../support/grpc.ts'
import { codeOf, digits, type GrpcHarness, startGrpc } from '../support/grpc-harness.ts'
import { bearer, testKey } from '../support/keys-file.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { sendRawGrpc } from '../support/send-raw-grpc.ts'

const origin = 'https://shop.example'
const backend = testKey('backend')
const limited = testKey('limited', { limits: { requestsPerMinute: 2, rowsPerMinute: 100 } })
const rows = testKey('rows', { limits: { rowsPerMinute: 1 } })
const shop = testKey('shop', { origins: [origin] })
const tokens = (now: number) => new Tokens({ secret: 'x'.repeat(32), seconds: 600, now: () => now })

let grpc: GrpcHarness
let live: string
beforeAll(async () => {
  const keys = new Keys([backend, limited, rows, shop].map(({ entry }) => entry))
  const limits = new RateLimits(createMemoryStore())
  grpc = await startGrpc({
    access: createAccess(keys, tokens(10_000_000)),
    limit: admitBy(limits, { key: {}, address: {} }, createAddressOf('')),
  })
  live = await tokens(10_000_000).issue('shop', origin)
})
afterAll(() => grpc.close())

describe('with keys', () => {
  const open = ['ServerLive', 'ServerReady']

  test.each(Object.keys(inferenceService).filter((name) => !open.includes(name)))(
    '%s is refused without one, and with a wrong one',
    async (method) => {
      const attempts: readonly [Record<string, string>, string][] = [
        [{}, 'unauthenticated'],
        [{ authorization: 'Basic eA==' }, 'unauthenticated'],
        [bearer(testKey('x').key), 'unauthenticated'],
        [bearer(shop.key), 'unauthenticated'],
        [bearer('a.b.c'), 'unauthenticated'],
      ]
      for (const [headers, code] of attempts)
        expect(codeOf(await grpc.client.call(method, {}, headers))).toEqual(['UNAUTHENTICATED', code])
      // A page's token is for pages of its origin.
      expect(codeOf(await grpc.client.call(method, {}, bearer(live)))).toEqual([
        'PERMISSION_DENIED',
        'access_denied',
      ])
    },
  )

  test('probes need none', async () => {
    for (const method of open) expect((await grpc.client.call(method)).code).toBe(0)
  })

  test('a call is its key in the log', async () => {
    const requestId = 'with-a-key'
    const answer = await grpc.infer(digits(), { ...bearer(backend.key), 'x-request-id': requestId })
    expect(answer.code).toBe(0)
    expect(await grpc.lineOf(requestId)).toMatchObject({ caller: 'key backend', status: 'OK' })
  })

  test('a message without one is not read', async () => {
    // Its end never comes.
    const received = await sendRawGrpc(grpc.server.port, 'ModelInfer', Buffer.alloc(100_000), {
      isWhole: false,
    })
    expect(received).toMatchObject({ 'grpc-status': '16', 'spillway-error': 'unauthenticated' })
  })
})

describe('limits', () => {
  test('of requests refuse a key with the time after which to try again', async () => {
    const call = () => grpc.infer(digits(), bearer(limited.key))
    expect((await call()).metadata).toMatchObject({ 'ratelimit-limit': '2', 'ratelimit-remaining': '1' })
    expect((await call()).code).toBe(0)
    const refused = await call()
    expect(codeOf(refused)).toEqual(['RESOURCE_EXHAUSTED', 'rate_limited'])
    expect(refused.metadata).toMatchObject({
      'ratelimit-remaining': '0',
      'grpc-retry-pushback-ms': expect.stringMatching(/^\d+$/),
    })
  })

  test('of rows count those of calls', async () => {
    expect((await grpc.infer(digits(), bearer(rows.key))).code).toBe(0)
    expect(codeOf(await grpc.infer(digits(), bearer(rows.key)))).toEqual([
      'RESOURCE_EXHAUSTED',
      'rate_limited',
    ])
  })
})

describe('a connection', () => {
  test('whose message does not arrive in time is left', async () => {
    const clock = createManualClock()
    const server = await listenGrpc(grpc.app, { clock, uploadMs: 1_000 })
    const session = connect(`http://127.0.0.1:${server.port}`)
    const path = inferenceService.ServerLive?.path ?? ''
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
    stream.on('error', () => {})
    stream.write(Buffer.alloc(2))
    await expect.poll(() => server.calls).toBe(1)
    const closed = new Promise((resolve) => stream.once('close', resolve))
    await expect.poll(() => clock.waiting).toBeGreaterThan(1)
    clock.advance(1_000)
    await closed
    await expect.poll(() => server.calls).toBe(0)
    session.close()
    server.close()
  })

  test('that answers no ping is closed, and one that does is kept', async () => {
    const clock = createManualClock()
    const server = await listenGrpc(grpc.app, { clock, pingMs: 1_000 })
    const session = connect(`http://127.0.0.1:${server.port}`)
    const closed = new Promise((resolve) => session.once('close', resolve))
    let pings = 0
    session.on('ping', () => pings++)
    await new Promise((resolve) => session.once('remoteSettings', resolve))
    clock.advance(1_000)
    await expect.poll(() => pings).toBe(1)
    // Its answer has begun the next wait.
    await new Promise((resolve) => session.ping(resolve))
    clock.advance(1_000)
    await expect.poll(() => pings).toBe(2)
    expect(session.closed).toBe(false)
    await new Promise((resolve) => session.ping(resolve))
    // No answer arrives between the two.
    clock.advance(1_000)
    clock.advance(1_000)
    await closed
    server.close()
  })
})
