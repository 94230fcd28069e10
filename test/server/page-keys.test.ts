import { sign } from 'hono/jwt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { createAllowedOrigins } from '../../server/auth/origin.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { bearer, testKey } from '../support/keys-file.ts'
import { listen } from '../support/listen.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'

const shopOrigin = 'https://shop.example'
const blogOrigin = 'https://blog.example'
const shop = testKey('shop', { origins: [shopOrigin, 'http://localhost:5173'] })
const blog = testKey('blog', { origins: [blogOrigin] })
const backend = testKey('backend')
const entries = [shop.entry, blog.entry, backend.entry]
const secret = 'a secret that two servers share, in this test'

let now = 1_000_000
let app: TestApp
let server: Awaited<ReturnType<typeof listen>>
beforeAll(async () => {
  const keys = new Keys(entries)
  app = await startTestApp({
    access: createAccess(keys, new Tokens({ secret, seconds: 600, now: () => now })),
    origins: createAllowedOrigins(['https://other.example'], keys)(),
  })
  server = await listen(app, app.options)
})
afterAll(() => {
  server.close()
  app.close()
})

const at = (path: string) => new URL(path, server.url)
const exchange = (key: unknown, headers: Record<string, string> = { origin: shopOrigin }) =>
  fetch(at('auth/token'), { method: 'POST', body: JSON.stringify({ key }), headers })
const tokenOf = async ({ key } = shop, origin = shopOrigin): Promise<string> =>
  (await (await exchange(key, { origin })).json()).access_token
const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
})
const infer = (token: string, headers: Record<string, string> = { origin: shopOrigin }) =>
  fetch(at('v2/models/digits/infer'), { method: 'POST', body, headers: { ...bearer(token), ...headers } })
const outcome = (response: Response) => [response.status, response.headers.get(errorCodeHeader)]

describe('a key for pages', () => {
  test('is exchanged for a token that its page uses', async () => {
    const response = await exchange(shop.key)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('access-control-allow-origin')).toBe(shopOrigin)
    const { access_token: token, ...rest } = await response.json()
    expect(rest).toEqual({ token_type: 'Bearer', expires_in: 600 })
    expect(token).not.toContain(shop.key)
    const answer = await infer(token)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe(shopOrigin)
  })

  test.each<[string, unknown, Record<string, string>, number, string]>([
    ['another origin', shop.key, { origin: blogOrigin }, 403, 'access_denied'],
    ['no origin', shop.key, {}, 403, 'access_denied'],
    ['a sandboxed frame', shop.key, { origin: 'null' }, 403, 'access_denied'],
    ['a subdomain', shop.key, { origin: 'https://a.shop.example' }, 403, 'access_denied'],
    ['a key for servers', backend.key, { origin: shopOrigin }, 401, 'unauthenticated'],
    ['another key', testKey('x').key, { origin: shopOrigin }, 401, 'unauthenticated'],
    ['a name that objects have', '__proto__', { origin: shopOrigin }, 401, 'unauthenticated'],
    ['no text', { a: 1 }, { origin: shopOrigin }, 400, 'request_malformed'],
    ['a long body', 'x'.repeat(5_000), { origin: shopOrigin }, 413, 'body_too_large'],
  ])('is not exchanged: %s', async (_what, key, headers, status, code) => {
    expect(outcome(await exchange(key, headers))).toEqual([status, code])
  })
})

describe('a token', () => {
  test('holds for its time', async () => {
    const token = await tokenOf()
    now += 599_000
    expect((await infer(token)).status).toBe(200)
    now += 1_000
    const response = await infer(token)
    expect(outcome(response)).toEqual([401, 'unauthenticated'])
    expect((await response.json()).error).toContain('a token that has expired')
  })

  test('holds for its origin only, also after it was used there', async () => {
    const token = await tokenOf()
    expect((await infer(token)).status).toBe(200)
    for (const headers of [{ origin: blogOrigin }, { origin: 'https://other.example' }, {}])
      expect(outcome(await infer(token, headers)), JSON.stringify(headers)).toEqual([403, 'access_denied'])
  })

  test('of a page that this server serves is taken without an origin, which browsers leave out of GET', async () => {
    const own = testKey('own', { origins: [server.url.origin] })
    const keys = new Keys([own.entry])
    const access = createAccess(keys, new Tokens({ secret, seconds: 600 }))
    const beside = await startTestApp({ access, origins: keys.origins })
    const token = await new Tokens({ secret, seconds: 600 }).issue('own', server.url.origin)
    const get = (host: string) => beside.request('/v2', { headers: { ...bearer(token), host } })
    expect((await get(server.url.host)).status).toBe(200)
    expect((await get('other.example')).status).toBe(403)
    beside.close()
  })

  test.each<[string, () => Promise<string>]>([
    ['signed by another secret', () => sign({ sub: 'shop', origin: shopOrigin, exp: 9e9 }, 'guess')],
    [
      'signed by another algorithm',
      () => sign({ sub: 'shop', origin: shopOrigin, exp: 9e9 }, secret, 'HS512'),
    ],
    ['without a signature', async () => `${btoa('{"alg":"none","typ":"JWT"}')}.${btoa('{"sub":"shop"}')}.`],
    ['without an end', () => sign({ sub: 'shop', origin: shopOrigin }, secret)],
    ['of a key that is gone', () => sign({ sub: 'gone', origin: shopOrigin, exp: 9e9 }, secret)],
    [
      'of an origin that is gone',
      () => sign({ sub: 'shop', origin: 'https://gone.example', exp: 9e9 }, secret),
    ],
    ['of a key for servers', () => sign({ sub: 'backend', origin: shopOrigin, exp: 9e9 }, secret)],
    ['of a name that objects have', () => sign({ sub: '__proto__', origin: shopOrigin, exp: 9e9 }, secret)],
    ['that was cut', async () => (await tokenOf()).slice(0, -2)],
    ['that is none', async () => 'a.b.c'],
  ])('%s is refused', async (_what, token) => {
    expect(outcome(await infer(await token()))).toEqual([401, 'unauthenticated'])
  })

  test('is taken by another server with the same secret', async () => {
    const token = await new Tokens({ secret, seconds: 600, now: () => now }).issue('shop', shopOrigin)
    expect((await infer(token)).status).toBe(200)
  })
})

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    fetch(at('v2/models/digits/infer'), {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })

  test.each([shopOrigin, blogOrigin, 'https://other.example'])('%s may call', async (origin) => {
    const { status, headers } = await preflight(origin)
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe(origin)
    expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type')
    expect(headers.get('access-control-max-age')).toBe('86400')
    expect(headers.get('vary')).toContain('Origin')
  })

  test('may not call unless they are listed', async () => {
    const { headers } = await preflight('https://evil.example')
    expect(headers.get('access-control-allow-origin')).toBeNull()
    const response = await infer(backend.key, { origin: 'https://evil.example' })
    expect(outcome(response)).toEqual([403, 'access_denied'])
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    // This server's own pages need no list.
    expect((await infer(backend.key, { origin: server.url.origin })).status).toBe(200)
  })

  test('get answers that caches do not mix up', async () => {
    for (const path of [
      '',
      'embed.js',
      'models/catalogue.json',
      'v2/health/live',
      'v2/nothing',
      'v1/nothing',
    ])
      for (const origin of [shopOrigin, 'https://evil.example', undefined]) {
        const { headers } = await fetch(at(path), { headers: origin === undefined ? {} : { origin } })
        expect(headers.get('vary'), path).toContain('Origin')
        expect(headers.get('access-control-allow-origin'), path).toBe(origin === shopOrigin ? origin : null)
        expect(headers.get('x-content-type-options'), path).toBe('nosniff')
      }
  })
})
