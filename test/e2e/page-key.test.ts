import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Request } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testKey, writeKeys } from '../support/keys-file.ts'
import { launchBrowser, openPage } from '../support/page.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { copyDigits } from '../support/test-models.ts'

let html = ''
let pages: Server
let origin: string
let server: TestServer
let browser: Browser
let key: string

beforeAll(async () => {
  pages = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(html)
  })
  pages.listen(0, '127.0.0.1')
  await once(pages, 'listening')
  origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
  const created = testKey('guest', { origins: [origin] })
  key = created.key
  ;[server, browser] = await Promise.all([
    startServer({
      SPILLWAY_KEYS: await writeKeys(created),
      SPILLWAY_MODELS: await copyDigits((manifest) => ({ ...manifest, id: 'private', access: 'key' })),
    }),
    launchBrowser(),
  ])
})
afterAll(async () => {
  await browser.close()
  await server.stop()
  pages.close()
})

/** A page of another origin with the embed script, and the requests that it sends. */
async function open(attributes: string) {
  html = `<!doctype html><html lang="en"><title>Guest</title><script type="module" src="${server.url.href}embed.js"${attributes}></script>`
  const context = await browser.newContext()
  const { page } = await openPage(context, new URL(origin))
  const requests: Request[] = []
  context.on('request', (request) => requests.push(request))
  await page.waitForFunction(() => 'spillway' in window)
  const paths = () => requests.map((request) => new URL(request.url()).pathname)
  return { page, requests, paths, close: () => context.close() }
}

test('the embed script’s data-key lets the page call the server, by a token that it gets with the first request', async () => {
  const { page, requests, paths, close } = await open(` data-key="${key}"`)
  expect((await runDigits(page, { policy: 'device' })).placement.tier).toBe('device')
  expect(paths()).not.toContain('/auth/token')
  expect((await runDigits(page, { policy: 'server' })).placement.tier).toBe('server')
  expect((await runDigits(page, { policy: 'server' })).placement.tier).toBe('server')
  expect(paths().filter((path) => path === '/auth/token').length).toBeGreaterThan(0)
  for (const request of requests) expect(request.url()).not.toContain(key)
  const text = await page.evaluate(async () => {
    const model = await window.spillway.model('bard')
    return (await model.generate({ prompt: 'Once', maxTokens: 3 }, { policy: 'server' }).result).text
  })
  expect(text).not.toBe('')
  await close()
})

test('a page without a key runs on the device, and the server refuses it', async () => {
  const { page, close } = await open('')
  expect(await failDigits(page, { policy: 'server' })).toMatchObject({ code: 'unauthenticated' })
  expect((await runDigits(page, { policy: 'auto' })).placement.tier).toBe('device')
  await close()
})

test('a page with a key downloads the files of a model for callers with keys, and one without does not', async () => {
  const withKey = await open(` data-key="${key}"`)
  const { placement } = await runDigits(withKey.page, { policy: 'device', model: 'private' })
  expect(placement.tier).toBe('device')
  await withKey.close()
  const without = await open('')
  const failure = await failDigits(without.page, { policy: 'device', model: 'private' })
  expect(failure.code).toBe('access_denied')
  await without.close()
})
