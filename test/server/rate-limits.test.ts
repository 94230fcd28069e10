import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { KeyLimits } from '../../models/protocols/api-keys.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { admitBy } from '../../server/auth/limits/limit-requests.ts'
import { RateLimits } from '../../server/auth/limits/rate-limits.ts'
import { createMemoryStore, type RateStore } from '../../server/auth/limits/rate-store.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { createAddressOf } from '../../server/http/caller.ts'
import { bearer, testKey } from '../support/keys-file.ts'
import { listen } from '../support/listen.ts'
import { connectedStore, noRedis, startRedis } from '../support/redis.ts'
import { startTestApp } from '../support/test-app.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const close of closers.splice(0).reverse()) await close()
})

const origin = 'https://shop.example'
const shop = testKey('shop', { origins: [origin] })

interface Setup {
  readonly backend?: KeyLimits
  readonly key?: KeyLimits
  readonly address?: KeyLimits
  readonly store?: RateStore
}

/** A server with the keys `backend`, with limits of its own, and `shop`; behind a socket. */
async function start({ backend: limits = {}, key = {}, address = {}, store = createMemoryStore() }: Setup) {
  const backend = testKey('backend', { limits })
  const keys = new Keys([backend.entry, shop.entry])
  const tokens = new Tokens({ secret: undefined, seconds: 600 })
  const app = await startTestApp({
    access: createAccess(keys, tokens),
    origins: keys.origins,
    limit: admitBy(new RateLimits(store), { key, address }, createAddressOf('x-address')),
  })
  const { url, port, close } = await listen(app, app.options)
  closers.push(
    () => app.close(),
    close,
    () => store.close(),
  )
  const infer = (rows = 1, headers: Record<string, string> = bearer(backend.key)) => {
    const data = new Array(rows * 784).fill(0.5)
    const inputs = [{ name: 'image', datatype: 'FP32', shape: [rows, 1, 28, 28], data }]
    return fetch(new URL('v2/models/digits/infer', url), {
      method: 'POST',
      body: JSON.stringify({ inputs }),
      headers,
    })
  }
  const complete = (maxTokens: number) =>
    fetch(new URL('v1/completions', url), {
      method: 'POST',
      body: JSON.stringify({ model: 'bard', prompt: 'Once', max_tokens: maxTokens, ignore_eos: true }),
      headers: bearer(backend.key),
    })
  /** Reads the beginning of a long text, and leaves. */
  const leaveText = async () => {
    const leaving = new AbortController()
    const response = await fetch(new URL('v1/completions', url), {
      method: 'POST',
      body: JSON.stringify({
        model: 'bard',
        prompt: 'Once',
        max_tokens: 200,
        ignore_eos: true,
        stream: true,
      }),
      headers: bearer(backend.key),
      signal: leaving.signal,
    })
    let events = ''
    for await (const part of response.body ?? []) {
      events += Buffer.from(part).toString()
      if (events.split('data: ').length > 6) break
    }
    leaving.abort()
  }
  const page = async (from: string) => ({
    ...bearer(await tokens.issue('shop', origin)),
    origin,
    'x-address': from,
  })
  return { url, port, infer, complete, leaveText, page, key: backend.key }
}

const outcome = (response: Response) => [response.status, response.headers.get(errorCodeHeader)]

describe('limits of a key', () => {
  test('bound its requests a minute, and tell what is left', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000_000 })
    const { infer } = await start({ backend: { requestsPerMinute: 2 } })
    const first = await infer()
    expect(first.status).toBe(200)
    expect(first.headers.get('ratelimit-limit')).toBe('2')
    expect(first.headers.get('ratelimit-remaining')).toBe('1')
    expect((await infer()).headers.get('ratelimit-remaining')).toBe('0')
    vi.setSystemTime(1_000_000_000 + 20_000)
    const refused = await infer()
    expect(outcome(refused)).toEqual([429, 'rate_limited'])
    expect(refused.headers.get('retry-after')).toBe('40')
    expect(refused.headers.get('ratelimit-reset')).toBe('40')
    expect((await refused.json()).error).toContain('Too many requests of key backend')
    vi.setSystemTime(1_000_000_000 + 60_001)
    expect((await infer()).status).toBe(200)
  })

  test('bound its rows a minute: a request that does not fit leaves room for a smaller one', async () => {
    const { infer } = await start({ backend: { rowsPerMinute: 10 } })
    expect((await infer(6)).status).toBe(200)
    expect(outcome(await infer(5))).toEqual([429, 'rate_limited'])
    expect((await infer(4)).status).toBe(200)
    expect(outcome(await infer(1))).toEqual([429, 'rate_limited'])
    const never = await infer(11)
    expect(never.status).toBe(429)
  })

  test('bound its tokens a minute, those of prompts and answers, in OpenAI’s form', async () => {
    const { complete } = await start({ backend: { tokensPerMinute: 40, requestsPerMinute: 100 } })
    const first = await complete(50)
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('100')
    const { usage } = await first.json()
    expect(usage.total_tokens).toBeGreaterThanOrEqual(40)
    const refused = await complete(1)
    expect(outcome(refused)).toEqual([429, 'rate_limited'])
    expect(Number(refused.headers.get('retry-after-ms'))).toBeGreaterThan(0)
    expect((await refused.json()).error).toMatchObject({
      type: 'rate_limit_exceeded',
      code: 'rate_limited',
      message: expect.stringContaining('Too many tokens of key backend'),
    })
  })

  test('count what was generated of a text that its client left in the middle', async () => {
    const { complete, leaveText } = await start({ backend: { tokensPerMinute: 7 } })
    await leaveText()
    await expect.poll(async () => (await complete(0)).status).toBe(429)
  })

  test('bound its requests at once, and refuse before the body is read', async () => {
    const { infer, port, key } = await start({ backend: { concurrentRequests: 1 } })
    const socket = connect(port, '127.0.0.1')
    const request = `POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n`
    socket.write(`${request}content-length: 100000\r\n\r\n{`)
    await expect.poll(async () => (await infer()).status).toBe(429)
    const other = connect(port, '127.0.0.1')
    other.write(`${request}content-length: 30000000\r\n\r\n{`)
    let answer = ''
    other.on('data', (part) => {
      answer += part
    })
    await once(other, 'close')
    expect(answer).toMatch(/^HTTP\/1\.1 429 /)
    socket.destroy()
    await expect.poll(async () => (await infer()).status).toBe(200)
  })

  test('do not bound others, nor what is not counted', async () => {
    const { infer, url } = await start({
      backend: { requestsPerMinute: 1 },
      address: { requestsPerMinute: 1 },
    })
    await infer()
    expect((await infer()).status).toBe(429)
    for (const path of ['v2/health/live', 'models/catalogue.json', 'embed.js', 'v2/health/live'])
      expect((await fetch(new URL(path, url))).status, path).toBe(200)
  })
})

describe('limits of an address', () => {
  test('bound each visitor of a page, and a network of IPv6 as one', async () => {
    const { infer, page } = await start({ address: { requestsPerMinute: 2 } })
    const visitor = await page('192.0.2.1')
    expect((await infer(1, visitor)).status).toBe(200)
    expect((await infer(1, visitor)).status).toBe(200)
    const refused = await infer(1, visitor)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
    expect(refused.headers.get('access-control-expose-headers')).toContain('ratelimit-remaining')
    expect((await infer(1, await page('192.0.2.2'))).status).toBe(200)
    for (const host of ['1', '2']) expect((await infer(1, await page(`2001:db8::${host}`))).status).toBe(200)
    expect((await infer(1, await page('2001:db8::3'))).status).toBe(429)
  })

  test('bound exchanges of keys, and not the calls of servers', async () => {
    const { infer, url } = await start({ address: { requestsPerMinute: 1 } })
    const exchange = () =>
      fetch(new URL('auth/token', url), { method: 'POST', body: '{"key":"pk_x"}', headers: { origin } })
    expect((await exchange()).status).toBe(401)
    expect((await exchange()).status).toBe(429)
    for (const _ of [1, 2]) expect((await infer()).status).toBe(200)
  })

  test('hold beside the limits of the page’s key', async () => {
    const { infer, page } = await start({ key: { requestsPerMinute: 3 }, address: { requestsPerMinute: 2 } })
    const statuses: number[] = []
    for (const from of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.3'])
      statuses.push((await infer(1, await page(from))).status)
    expect(statuses).toEqual([200, 200, 200, 429])
  })
})

describe.skipIf(noRedis !== '')(`limits through Redis${noRedis}`, () => {
  test('are shared by servers', async () => {
    const { url } = await startRedis(closers)
    const backend = { requestsPerMinute: 3, rowsPerMinute: 10 }
    const one = await start({ backend, store: await connectedStore(url) })
    const other = await start({ backend, store: await connectedStore(url) })
    expect((await one.infer(6)).status).toBe(200)
    await expect.poll(async () => (await other.infer(5)).status).toBe(429)
    expect((await one.infer(1)).status).toBe(200)
    const refused = await other.infer(1)
    expect(outcome(refused)).toEqual([429, 'rate_limited'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('are each server’s own while Redis is gone', async () => {
    const redis = await startRedis(closers)
    const { infer } = await start({
      backend: { requestsPerMinute: 2 },
      store: await connectedStore(redis.url),
    })
    expect((await infer()).status).toBe(200)
    redis.kill()
    const statuses: number[] = []
    for (let at = 0; at < 4; at++) statuses.push((await infer()).status)
    expect(statuses.at(-1)).toBe(429)
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0)
    expect(statuses).not.toContain(500)
  })
})
