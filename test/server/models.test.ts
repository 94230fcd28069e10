import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelFile, parseCatalogue, type Reference } from '../../models/core/index.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { digitsFolder, digitsManifest } from '../support/test-models.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({})
})
afterAll(() => app.close())

const file = digitsManifest.variants[0]?.files[0] ?? expect.fail('digits has no file')
const address = `/models/digits/${modelFile(file)}`
const etag = `"${file.sha256}"`
const get = (headers: Record<string, string> = {}, path = address) => app.request(path, { headers })

describe('model files', () => {
  test('are sent whole, and are immutable at the URL with their hash', async () => {
    const response = await get()
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag,
      'accept-ranges': 'bytes',
      'content-length': String(file.size),
      'content-type': 'application/octet-stream',
      'cache-control': 'public, max-age=31536000, immutable',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.equals(await readFile(join(digitsFolder, file.path)))).toBe(true)
  })

  test('are revalidated at a URL without their hash, with 304', async () => {
    const path = `/models/digits/${file.path}`
    expect((await get({}, path)).headers.get('cache-control')).toBe('no-cache')
    const response = await get({ 'if-none-match': `W/"x", ${etag}` }, path)
    expect(response.status).toBe(304)
    expect(await response.text()).toBe('')
  })

  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=100-', 100, file.size - 1],
    ['bytes=-5', file.size - 5, file.size - 1],
    [`bytes=10-${file.size + 10}`, 10, file.size - 1],
  ])('are sent in part for the range %s', async (range, start, end) => {
    const response = await get({ range, 'if-range': etag })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/${file.size}`)
    const whole = await readFile(join(digitsFolder, file.path))
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.equals(whole.subarray(start, end + 1))).toBe(true)
  })

  test('are refused with 416 for a range past their end', async () => {
    const response = await get({ range: `bytes=${file.size}-` })
    expect(response.status).toBe(416)
    expect(response.headers.get('content-range')).toBe(`bytes */${file.size}`)
  })

  test.each([
    ['of another version', { range: 'bytes=0-9', 'if-range': '"other"' }],
    ['of another unit', { range: 'lines=0-9' }],
    ['of two parts', { range: 'bytes=0-1,10-11' }],
  ])('are sent whole for a range %s', async (_what, headers) => {
    const response = await get(headers)
    expect(response.status).toBe(200)
    expect((await response.arrayBuffer()).byteLength).toBe(file.size)
  })

  test('have a content length at HEAD', async () => {
    const response = await app.request(address, { method: 'HEAD' })
    expect(response.headers.get('content-length')).toBe(String(file.size))
    expect((await response.arrayBuffer()).byteLength).toBe(0)
  })

  test.each([
    '/models/digits/README.md',
    '/models/digits/manifest.json/..%2fREADME.md',
    '/models/digits/%2e%2e%2f%2e%2e%2findex.ts',
  ])('do not include %s', async (path) => {
    expect((await app.request(path)).status).toBe(404)
  })
})

describe('manifests', () => {
  test('are served one by one and in the catalogue, with an ETag', async () => {
    const response = await app.request('/models/digits/manifest.json')
    expect(await response.json()).toEqual(digitsManifest)
    const tag = response.headers.get('etag') ?? ''
    expect((await get({ 'if-none-match': tag }, '/models/digits/manifest.json')).status).toBe(304)
    const catalogue = await (await app.request('/models/catalogue.json')).json()
    expect(catalogue.models).toContainEqual(digitsManifest)
    expect(parseCatalogue(catalogue, 'the server')).toEqual(catalogue)
    expect(catalogue.hub.map(({ task }: Reference) => task)).toContain('feature-extraction')
    expect((await app.request('/models/cats/manifest.json')).status).toBe(404)
  })
})

describe('the site', () => {
  const wasm = async () => {
    const page = await (await app.request('/')).text()
    expect(page).toContain('<title>Spillway</title>')
    const names = await readdir(new URL('../../dist/site/assets', import.meta.url))
    return `/assets/${names.find((name) => /jspi.*\.wasm$/.test(name))}`
  }

  test('is cross-origin isolated, and revalidated at each visit', async () => {
    const { headers } = await app.request('/')
    expect(Object.fromEntries(headers)).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cache-control': 'no-cache',
      etag: expect.any(String),
    })
    expect(headers.has('strict-transport-security')).toBe(false)
  })

  test.each([
    ['br', 'br'],
    ['gzip', 'gzip'],
    ['gzip, deflate, br, zstd', 'br'],
    ['identity', null],
  ])('serves the runtime compressed for %s, and immutable', async (accepted, encoding) => {
    const response = await app.request(await wasm(), { headers: { 'accept-encoding': accepted } })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/wasm',
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect(response.headers.get('content-encoding')).toBe(encoding)
    await response.body?.cancel()
  })

  test('lets pages of other origins load the embed script and send requests', async () => {
    const script = await app.request('/embed.js', { headers: { origin: 'http://elsewhere.example' } })
    expect(script.headers.get('access-control-allow-origin')).toBe('*')
    expect(script.headers.get('content-type')).toContain('javascript')
    const preflight = await app.request('/v2/models/digits/infer', {
      method: 'OPTIONS',
      headers: {
        origin: 'http://elsewhere.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,request-timeout',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type,request-timeout')
  })

  test('has compile hints in the scripts that a page starts with, and in no others', async () => {
    const script = async (path: string) => (await app.request(path)).text()
    const isMarked = (code: string) => code.startsWith('//# allFunctionsCalledOnLoad\n')
    const embed = await script('/embed.js')
    const imported = [...embed.matchAll(/from\s*"\.\/(assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
    expect(imported).not.toHaveLength(0)
    for (const code of [embed, ...(await Promise.all(imported.map((path) => script(`/${path}`))))])
      expect(isMarked(code)).toBe(true)
    const names = await readdir(new URL('../../dist/site/assets', import.meta.url))
    const later =
      names.find((name) => /^text-service.*\.js$/.test(name)) ?? expect.fail('no script for later')
    expect(isMarked(await script(`/assets/${later}`))).toBe(false)
  })

  test('answers an unknown path with 404 and a message', async () => {
    const response = await app.request('/nothing')
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({ error: 'There is nothing at GET /nothing' })
  })
})

test('every route fits Hono’s fast router: a single one that does not would make all slower', () => {
  const router = new RegExpRouter()
  for (const { method, path, handler } of app.routes) router.add(method, path, handler)
  expect(router.match('POST', '/v2/models/digits/infer')[0]).not.toHaveLength(0)
})
