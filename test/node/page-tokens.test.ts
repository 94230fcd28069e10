import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { complete } from '../../web/remote/openai-completions.ts'
import { PageTokens } from '../../web/remote/page-tokens.ts'
import { requestJson } from '../../web/remote/request.ts'
import { testKey } from '../support/keys-file.ts'
import { listen } from '../support/listen.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'

const origin = 'https://shop.example'
const shop = testKey('shop', { origins: [origin] })

let clock: ManualClock
/** The server's clock differs from the page's by this. */
let drift = 0
let app: TestApp
let server: Awaited<ReturnType<typeof listen>>
let sent: { path: string; url: string; authorization: string | null; body: unknown }[] = []
let hangs = false
beforeEach(async () => {
  clock = createManualClock()
  drift = 0
  sent = []
  hangs = false
  const keys = new Keys([shop.entry])
  const tokens = new Tokens({ secret: undefined, seconds: 600, now: () => clock.now() + drift })
  app = await startTestApp({ access: createAccess(keys, tokens), origins: keys.origins })
  server = await listen(app, app.options)
  const { fetch } = globalThis
  // A browser adds the page's origin.
  vi.stubGlobal('fetch', (url: URL, init: RequestInit) => {
    const headers = new Headers(init.headers)
    headers.set('origin', origin)
    sent.push({
      path: url.pathname,
      url: url.href,
      authorization: headers.get('authorization'),
      body: init.body,
    })
    if (hangs && url.pathname === '/auth/token') return new Promise(() => {})
    return fetch(url, { ...init, headers })
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  server.close()
  app.close()
})

const ask = (tokens: PageTokens, signal?: AbortSignal) =>
  requestJson(new URL('v2', server.url), { clock, timeoutMs: 10_000, pageHeaders: tokens, signal })
const exchanges = () => sent.filter(({ path }) => path === '/auth/token').length

describe('the tokens of a page', () => {
  test('are fetched with the first request, once for all that need one', async () => {
    const tokens = new PageTokens(server.url, shop.key, clock)
    expect(sent).toEqual([])
    await Promise.all([ask(tokens), ask(tokens), ask(tokens)])
    await ask(tokens)
    expect(exchanges()).toBe(1)
  })

  test('never put the key into an address, nor into a request but the exchange', async () => {
    await ask(new PageTokens(server.url, shop.key, clock))
    expect(sent.map(({ path }) => path)).toEqual(['/auth/token', '/v2'])
    expect(sent[0]?.body).toBe(JSON.stringify({ key: shop.key }))
    for (const { url, authorization } of sent) {
      expect(url).not.toContain(shop.key)
      expect(authorization ?? '').not.toContain(shop.key)
      expect(url).not.toContain(authorization ?? 'none')
    }
  })

  test('are renewed before they end, while requests go on with the old one', async () => {
    const tokens = new PageTokens(server.url, shop.key, clock)
    await ask(tokens)
    clock.advance(449_000)
    await ask(tokens)
    expect(exchanges()).toBe(1)
    clock.advance(2_000)
    hangs = true
    await ask(tokens)
    expect(exchanges()).toBe(2)
  })

  test('are fetched anew after they have ended', async () => {
    const tokens = new PageTokens(server.url, shop.key, clock)
    await ask(tokens)
    clock.advance(600_000)
    await ask(tokens)
    expect(exchanges()).toBe(2)
  })

  test('that the server refuses are renewed once, and the request is sent again', async () => {
    const tokens = new PageTokens(server.url, shop.key, clock)
    await ask(tokens)
    drift = 600_000
    await Promise.all([ask(tokens), ask(tokens)])
    expect(exchanges()).toBe(2)
    expect(sent.filter(({ path }) => path === '/v2')).toHaveLength(5)
  })

  test('serve streams of text, which begin again after a refusal', async () => {
    const tokens = new PageTokens(server.url, shop.key, clock)
    await ask(tokens)
    drift = 600_000
    let text = ''
    const request = { prompt: 'Once', maxTokens: 3, temperature: 0 }
    for await (const piece of complete(server.url, { model: 'bard', context: 512 }, request, {
      clock,
      silenceMs: 60_000,
      pageHeaders: tokens,
    }))
      text += piece.text
    expect(text).not.toBe('')
    expect(sent.filter(({ path }) => path === '/v1/completions')).toHaveLength(2)
  })

  test('of an unknown key are not fetched again and again', async () => {
    const tokens = new PageTokens(server.url, testKey('x', { origins: [origin] }).key, clock)
    await expect(ask(tokens)).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(exchanges()).toBe(1)
  })

  test('that the server takes from nobody fail after one renewal', async () => {
    const other = await startTestApp({
      access: createAccess(new Keys([shop.entry]), new Tokens({ secret: undefined, seconds: 600 })),
    })
    const elsewhere = await listen(other)
    const tokens = new PageTokens(server.url, shop.key, clock)
    const asked = requestJson(new URL('v2', elsewhere.url), { clock, timeoutMs: 10_000, pageHeaders: tokens })
    await expect(asked).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(exchanges()).toBe(2)
    elsewhere.close()
    other.close()
  })

  test('hold up a request only until its caller leaves', async () => {
    hangs = true
    const controller = new AbortController()
    const asked = ask(new PageTokens(server.url, shop.key, clock), controller.signal)
    controller.abort()
    await expect(asked).rejects.toMatchObject({ code: 'aborted' })
  })
})
