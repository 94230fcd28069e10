import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelFile } from '../../models/core/index.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { bearer, testKey, writeKeys } from '../support/keys-file.ts'
import { listen } from '../support/listen.ts'
import { startServer } from '../support/server.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { copyDigits, digitsManifest } from '../support/test-models.ts'

const origin = 'https://shop.example'
const blogOrigin = 'https://blog.example'
const backend = testKey('backend')
const operator = testKey('operator', { kind: 'admin' })
const shop = testKey('shop', { origins: [origin] })
const blog = testKey('blog', { origins: [blogOrigin] })
const tokens = (now: number) => new Tokens({ secret: 'x'.repeat(32), seconds: 600, now: () => now })

let app: TestApp
let server: Awaited<ReturnType<typeof listen>>
let live: string
let expired: string
beforeAll(async () => {
  const keys = new Keys([backend.entry, operator.entry, shop.entry, blog.entry])
  const models = [await copyDigits((manifest) => ({ ...manifest, id: 'private', access: 'key' }))]
  app = await startTestApp({ access: createAccess(keys, tokens(10_000_000)), origins: keys.origins, models })
  server = await listen(app, app.options)
  live = await tokens(10_000_000).issue('shop', origin)
  expired = await tokens(0).issue('shop', origin)
})
afterAll(() => {
  server.close()
  app.close()
})

/** Sends a path as it stands: `fetch` would resolve its dots. */
async function send(method: string, path: string, headers: Record<string, string> = {}, body = '') {
  const sent = request({ port: server.port, host: '127.0.0.1', method, path, headers })
  sent.end(body)
  const [response]: IncomingMessage[] = await once(sent, 'response')
  if (!response) throw new Error('There is no answer')
  return {
    status: response.statusCode,
    code: response.headers[errorCodeHeader],
    headers: response.headers,
    body: await text(response),
  }
}

/** What everybody may call; any other route needs a key. A new route of either kind has to be named here. */
const open = [
  'POST /auth/token',
  'GET /metrics',
  'GET /openapi',
  'GET /openapi.json',
  'GET /models/*',
  'GET /v2/health/live',
  'GET /v2/health/ready',
]
const keyed = [
  'POST /telemetry',
  'GET /v1/models',
  'GET /v1/models/digits',
  'POST /v1/chat/completions',
  'POST /v1/completions',
  'POST /v1/embeddings',
  'POST /v1/responses',
  'GET /v2',
  'GET /v2/',
  'GET /v2/models/digits',
  'GET /v2/models/digits/ready',
  'GET /v2/models/digits/versions/1',
  'GET /v2/models/digits/versions/1/ready',
  'GET /v2/models/digits/stats',
  'GET /v2/models/digits/versions/1/stats',
  'GET /v2/models/digits/config',
  'GET /v2/models/digits/versions/1/config',
  'POST /v2/repository/index',
  'POST /v2/models/digits/infer',
  'POST /v2/models/digits/versions/1/infer',
]

/** For administrators. */
const administered = ['POST /v2/repository/models/digits/unload', 'POST /v2/repository/models/digits/load']

test('The routes are those of this table', () => {
  const routes = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => {
      const filled = path
        .replace(/:\w+\{\.\+\}/, '*')
        .replace(/:(?:name|id)/, 'digits')
        .replace(':version', '1')
      return `${method} ${filled}`
    })
  expect([...new Set(routes)].sort()).toEqual([...open, ...keyed, ...administered].sort())
})

describe.each([...keyed, ...administered])('%s', (route) => {
  const [method = '', path = ''] = route.split(' ')
  const isOpenAi = path.startsWith('/v1')

  test.each<[string, () => Record<string, string>, number, string]>([
    ['no key', () => ({}), 401, 'unauthenticated'],
    ['a wrong key', () => bearer(testKey('x').key), 401, 'unauthenticated'],
    ['a key for pages', () => bearer(shop.key), 401, 'unauthenticated'],
    ['an expired token', () => ({ ...bearer(expired), origin }), 401, 'unauthenticated'],
    ['a token of another origin', () => ({ ...bearer(live), origin: blogOrigin }), 403, 'access_denied'],
    [
      'a key from a page that is not listed',
      () => ({ ...bearer(backend.key), origin: 'https://evil.example' }),
      403,
      'access_denied',
    ],
  ])('is refused with %s', async (_what, headers, status, code) => {
    const answer = await send(method, path, headers())
    expect([answer.status, answer.code]).toEqual([status, code])
    const { error } = JSON.parse(answer.body)
    expect(isOpenAi ? error.code : error).toEqual(isOpenAi ? code : expect.any(String))
  })

  const isAdministered = administered.includes(route)
  test(
    isAdministered
      ? 'is reached by administrators only'
      : 'is reached with a key, and with a token of its origin',
    async () => {
      const callers = [bearer(backend.key), { ...bearer(live), origin }]
      if (isAdministered)
        for (const headers of callers) expect((await send(method, path, headers)).code).toBe('access_denied')
      for (const headers of [bearer(operator.key), ...(isAdministered ? [] : callers)])
        expect([401, 403, 500]).not.toContain((await send(method, path, headers)).status)
    },
  )
})

describe('a path that is spelt otherwise', () => {
  test.each([
    '/%76%32/models/digits/infer',
    '/v2//models/digits/infer',
    '//v2/models/digits/infer',
    '/v2/./models/digits/infer',
    '/x/../v2/models/digits/infer',
    '/V2/models/digits/infer',
    '/v2/models/digits/infer/',
    '/v2/models/digits/infer?key=sk_x',
    '/v2%2fmodels/digits/infer',
    'http://localhost/v2/models/digits/infer',
  ])('does not reach an API without a key: POST %s', async (path) => {
    const answer = await send('POST', path, {}, '{}')
    expect([answer.status, answer.code]).toEqual([401, 'unauthenticated'])
  })

  test.each([
    '/models/digits/../../package.json',
    '/models/digits/%2e%2e/%2e%2e/%2e%2e/package.json',
    '/models/digits/..%2f..%2f..%2fpackage.json',
    '/models/..%5c..%5cpackage.json',
    '/models/__proto__/manifest.json',
    '/models/constructor/q8/model.onnx',
    '/../package.json',
    '/..%2f..%2fpackage.json',
    '/assets/../../server/main.js',
    '/assets/%2e%2e/%2e%2e/server/main.js',
    '/assets/..%2f..%2f..%2fpackage.json',
    '/%00',
    '/%',
  ])('reads no other file: GET %s', async (path) => {
    const answer = await send('GET', path)
    expect([400, 404]).toContain(answer.status)
    expect(answer.body).not.toContain('"spillway"')
  })
})

describe('names that objects have', () => {
  test('change nothing', async () => {
    const headers = bearer(backend.key)
    const polluted = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}'
    for (const [path, body] of [
      ['/auth/token', `${polluted},"key":"${shop.key}"}`],
      ['/v2/models/digits/infer', `${polluted},"inputs":[]}`],
      [
        '/v2/models/digits/infer',
        '{"inputs":[{"name":"__proto__","datatype":"FP32","shape":[1],"data":[1]}]}',
      ],
      ['/v2/models/__proto__/infer', '{"inputs":[]}'],
      ['/v1/completions', `${polluted},"model":"__proto__","prompt":"a"}`],
    ] as const) {
      const answer = await send('POST', path, headers, body)
      expect(answer.status, `${path} ${body}: ${answer.body}`).toBeGreaterThanOrEqual(400)
      expect(answer.status, `${path} ${body}: ${answer.body}`).toBeLessThan(500)
    }
    // A bias is for a token, and no token has such a name.
    const chat =
      '{"model":"bard","messages":[{"role":"user","content":"a","__proto__":{"polluted":1}}],"max_tokens":1,'
    const answer = await send('POST', '/v1/chat/completions', headers, `${chat}"logit_bias":{"__proto__":1}}`)
    expect(answer.status).toBeLessThan(500)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })
})

describe('files of a model for callers with a key', () => {
  const file = digitsManifest.variants[0]?.files[0] ?? expect.fail('digits has no file')
  const path = `/models/private/${modelFile(file)}`

  test('are sent to them only, and kept by no shared cache', async () => {
    for (const headers of [bearer(backend.key), { ...bearer(live), origin }]) {
      const answer = await send('HEAD', path, headers)
      expect(answer.status).toBe(200)
      expect(answer.headers['cache-control']).toBe('private, max-age=31536000, immutable')
    }
    for (const headers of [{}, bearer(testKey('x').key), { ...bearer(expired), origin }])
      expect((await send('GET', path, headers)).code).toBe('unauthenticated')
    expect((await send('GET', path, { ...bearer(live), origin: blogOrigin })).code).toBe('access_denied')
    // A tag of the file is no key.
    expect((await send('GET', path, { 'if-none-match': `"${file.sha256}"` })).status).toBe(401)
    expect((await send('GET', '/models/private/manifest.json')).status).toBe(200)
    expect((await send('HEAD', path.replace('private', 'digits'))).headers['cache-control']).toContain(
      'public',
    )
  })

  test('are sent to nobody where there are no keys', async () => {
    const models = [await copyDigits((manifest) => ({ ...manifest, id: 'private', access: 'key' }))]
    const other = await startTestApp({ models })
    const answer = await other.request(path)
    expect(answer.status).toBe(401)
    expect((await answer.json()).error).toContain('expected a server with SPILLWAY_KEYS')
    other.close()
  })
})

describe('metrics', () => {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address

  test('are for this machine only, without a port of their own', async () => {
    expect((await send('GET', '/metrics')).status).toBe(200)
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'])
      expect((await send('GET', '/metrics', { [name]: '192.0.2.1' })).code).toBe('access_denied')
  })

  test.skipIf(outside === undefined)(
    'are refused to others (skipped: this machine has no other address)',
    async () => {
      const open = await startServer({ HOST: '0.0.0.0', SPILLWAY_KEYS: await writeKeys(backend) })
      const response = await fetch(`http://${outside}:${open.url.port}/metrics`)
      expect([response.status, response.headers.get(errorCodeHeader)]).toEqual([403, 'access_denied'])
      await open.stop()
    },
  )

  test('are on their own port where one is set, and on no other', async () => {
    const own = await startServer({ SPILLWAY_ADMIN_PORT: '0', SPILLWAY_KEYS: await writeKeys(backend) })
    const { port } = own.log.find(({ msg }) => String(msg).startsWith('Administration is on')) ?? {}
    const metrics = await fetch(`http://127.0.0.1:${port}/metrics`)
    expect(await metrics.text()).toContain('vllm:num_requests_running')
    expect((await fetch(`http://127.0.0.1:${port}/v2/health/live`)).status).toBe(404)
    expect((await fetch(new URL('metrics', own.url))).status).toBe(404)
    expect(await own.stop()).toBe(0)
  })
})
