import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { mountedApp, pathBelowMount } from '../../server/mounted-app.ts'
import { bearer, testKey } from '../support/keys-file.ts'
import { listen } from '../support/listen.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'

const { key, entry } = testKey('backend')

let app: TestApp
let host: Awaited<ReturnType<typeof listen>>
beforeAll(async () => {
  app = await startTestApp({
    access: createAccess(new Keys([entry]), new Tokens({ secret: undefined, seconds: 60 })),
  })
  const server = mountedApp(createApp({ ...app.options, getPath: pathBelowMount }))
  const application = new Hono()
    .use('/read/*', async (c, next) => {
      await c.req.arrayBuffer()
      await next()
    })
    .get('/', (c) => c.text('The application'))
    .route('/ai', server)
    .route('/of/:name/ai', server)
    .route('/read', server)
    .mount('/below', server.fetch)
  host = await listen(application)
})
afterAll(() => {
  host.close()
  app.close()
})

const at = (path: string, init?: RequestInit) => fetch(new URL(path, host.url), init)
const image = { name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: Array(784).fill(0) }
const infer = (headers: HeadersInit = bearer(key)): RequestInit => ({
  method: 'POST',
  headers,
  body: JSON.stringify({ inputs: [image] }),
})

describe('a server that is mounted in another app', () => {
  test.each(['ai', 'of/one%20name/ai', 'of/a%2Fb/ai', 'below'])('answers below /%s', async (path) => {
    expect((await at(`${path}/v2/health/live`)).status).toBe(200)
    const answer = await at(`${path}/v2/models/digits/infer`, infer())
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ outputs: [{ name: 'logits', shape: [1, 10] }] })
    const file = await at(`${path}/models/digits/manifest.json`)
    expect(await file.json()).toMatchObject({ id: 'digits' })
  })

  test('leaves the other paths to the app', async () => {
    expect(await (await at('')).text()).toBe('The application')
    expect((await at('v2/health/live')).status).toBe(404)
  })

  test('asks for its keys, and streams texts', async () => {
    expect((await at('ai/v2/models/digits/infer', infer({}))).status).toBe(401)
    const body = { model: 'bard', prompt: 'Once', max_tokens: 4, stream: true }
    const stream = await at('ai/v1/completions', {
      ...infer({ ...bearer(key), 'content-type': 'application/json' }),
      body: JSON.stringify(body),
    })
    expect(await stream.text()).toMatch(/^data: \{[\s\S]*data: \[DONE\]\s*$/)
  })

  test.each([
    ['v2/nothing', 404, { error: 'There is nothing at GET /v2/nothing' }],
    ['v2/models/digits/infer', 405, { error: expect.stringContaining('takes POST only') }],
    ['v1/nothing', 404, { error: { message: 'There is nothing at GET /v1/nothing' } }],
  ])('answers %s in the form of its protocol', async (path, status, body) => {
    const answer = await at(`ai/${path}`, { headers: bearer(key) })
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject(body)
  })

  test('says so where middleware has read the body', async () => {
    const answer = await at('read/v2/models/digits/infer', infer())
    expect(answer.status).toBe(500)
    expect(await answer.json()).toMatchObject({
      error: expect.stringContaining('Mount the server before middleware that reads bodies'),
    })
  })
})
