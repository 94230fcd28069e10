import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startHub, type TestHub } from '../support/hub.ts'
import { launchBrowser } from '../support/page.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { startServer, type TestServer } from '../support/server.ts'

const readme = await readFile(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')

/** README's one block that is of the language and holds the text. */
function block(language: string, holds: string): string {
  const blocks = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
  const found = blocks.filter(([, name, code = '']) => name === language && code.includes(holds))
  if (found.length !== 1)
    throw new Error(`README has ${found.length} blocks in ${language} with ${holds}: expected one`)
  return found[0]?.[2] ?? ''
}

/** README's first block, the embed script, as a page of another origin than the server's. */
async function serveEmbedBlock(server: URL): Promise<Server> {
  const html = block('html', 'embed.js').replace('http://localhost:8080/', server.href)
  const host = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<!doctype html><html lang="en"><title>README</title><body>${html}`)
  })
  host.listen(0, '127.0.0.1')
  await once(host, 'listening')
  return host
}

/** What a page prints with console.log, line by line. */
function printed(page: Page): string[] {
  const lines: string[] = []
  page.on('console', (message) => lines.push(message.text()))
  return lines
}

describe('what README shows on a page', () => {
  let server: TestServer
  let browser: Browser
  let hub: TestHub
  let host: Server
  let page: Page
  let lines: string[]
  const errors: string[] = []
  beforeAll(async () => {
    const { repository } = sentenceTransformer({ words: 20, width: 32, heads: 2, layers: 1, context: 64 })
    const revision = /all-MiniLM-L6-v2@(\w+)/.exec(readme)?.[1] ?? ''
    const model = 'Xenova/all-MiniLM-L6-v2'
    ;[server, browser, hub] = await Promise.all([
      startServer(),
      launchBrowser(),
      startHub({ [model]: { ...repository, revisions: [revision] } }),
    ])
    host = await serveEmbedBlock(server.url)
    page = await browser.newPage()
    lines = printed(page)
    page.on('pageerror', (error) => errors.push(error.message))
    await page.route('https://huggingface.co/**', async (route) => {
      const { pathname, search } = new URL(route.request().url())
      const response = await fetch(new URL(pathname.slice(1) + search, hub.url))
      await route.fulfill({
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: Buffer.from(await response.arrayBuffer()),
      })
    })
    await page.goto(`http://127.0.0.1:${(host.address() as AddressInfo).port}`)
  })
  afterAll(async () => {
    await browser.close()
    host.close()
    await Promise.all([server.stop(), hub.stop()])
  })

  const runScript = (code: string) => page.addScriptTag({ type: 'module', content: code })

  test('the embed script and a run print logits, a tier, an explanation and milliseconds', async () => {
    await expect
      .poll(() => lines.find((line) => line.includes('Float32Array')), { timeout: 30_000 })
      .toMatch(/^Float32Array\(10\) (device|server) \S.* [\d.]+$/)
    expect(errors).toEqual([])
  })

  test('a story is appended to the page, piece by piece', async () => {
    await runScript(block('js', 'bard.generate'))
    await expect
      .poll(() => page.evaluate(() => document.body.innerText.trim().length), { timeout: 30_000 })
      .toBeGreaterThan(50)
    expect(errors).toEqual([])
  })

  test('a repository of the hub gives vectors', async () => {
    await runScript(block('js', 'hf:'))
    await expect
      .poll(() => lines.some((line) => /^\[Float32Array\(32\), Float32Array\(32\)\]/.test(line)), {
        timeout: 30_000,
      })
      .toBe(true)
    expect(errors).toEqual([])
  })
})
