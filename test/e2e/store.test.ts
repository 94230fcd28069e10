import '../../web/global.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { chunkBytes } from '../../web/store/store.ts'
import { bigManifest, bigModel } from '../support/big-model.ts'
import { type FileServer, sha256Of, startFileServer } from '../support/file-server.ts'
import { browserFlags, findBrowser } from '../support/find-browser.ts'
import { startHostPage } from '../support/host-page.ts'
import { launchBrowser, openPage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** Fifty megabytes: three chunks and a bit. */
const side = 3_600

let server: TestServer
let browser: Browser
let host: Awaited<ReturnType<typeof startHostPage>>
let context: BrowserContext
let files: FileServer
const bytes = bigModel(side)
const size = bytes.length

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launchBrowser()])
})
afterAll(async () => {
  await browser.close()
  await server.stop()
})
beforeEach(async () => {
  host = await startHostPage(new URL('embed.js', server.url))
  context = await browser.newContext()
  files = await serve('big', bytes)
})
afterEach(async () => {
  await context.close()
  await host.stop()
  await files.stop()
})

async function serve(id: string, file: Buffer): Promise<FileServer> {
  const started = await startFileServer(file)
  const manifest = JSON.stringify(bigManifest(id, side, file.length, sha256Of(file)))
  started.fault = (_entry, response, request) => {
    if (!request.url?.includes('manifest.json')) return false
    response.writeHead(200, { 'content-type': 'application/json' }).end(manifest)
    return true
  }
  return started
}

const open = async () => (await openPage(context, host.url)).page

interface Loaded {
  readonly tier?: string
  readonly code?: string
  readonly told: number
  readonly loadedBytes?: number
  readonly storedBytes?: number
  readonly isKept?: boolean
}

/** Loads the model on the device and runs it; what the last progress said, or the error's code. */
async function load(page: Page, from = files): Promise<Loaded> {
  await page.waitForFunction(() => 'spillway' in window)
  return page.evaluate(
    async ({ address, rows }) => {
      let last: { loadedBytes: number; storedBytes: number; isKept: boolean } | undefined
      let told = 0
      window.spillway.policy = 'device'
      try {
        const model = await window.spillway.model(address, {
          onProgress: (progress) => {
            last = progress
            told++
          },
        })
        const { placement } = await model.run({ x: new Float32Array(rows) })
        return { tier: placement.tier, told, ...last }
      } catch (cause) {
        return { told, code: cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause) }
      }
    },
    { address: new URL('manifest.json', from.url).href, rows: side },
  )
}

const list = (page: Page) => page.evaluate(() => window.spillway.storage.list())

test('a download that is cut at twenty points, the page reloaded at each, completes and verifies', async () => {
  const page = await open()
  const cuts = 20
  for (let cut = 0; cut < cuts; cut++) {
    const made = files.cutAfter(1_000_000 + Math.random() * 20_000_000)
    // The page is left before it answers.
    const loading = load(page).catch(() => undefined)
    await Promise.race([made, loading])
    await page.reload()
    await loading
  }
  expect(await load(page)).toMatchObject({ tier: 'device', loadedBytes: size })
  expect(files.sent).toBeLessThanOrEqual(size + cuts * chunkBytes)
  await page.reload()
  const sent = files.sent
  expect(await load(page)).toMatchObject({ tier: 'device', storedBytes: size })
  expect(files.sent).toBe(sent)
}, 120_000)

describe('two tabs', () => {
  test('that want a model at once download it once, and both see it come', async () => {
    const [one, other] = [await open(), await open()]
    const both = await Promise.all([load(one), load(other)])
    expect(both).toMatchObject([
      { tier: 'device', loadedBytes: size },
      { tier: 'device', loadedBytes: size },
    ])
    for (const { told } of both) expect(told).toBeGreaterThan(3)
    expect(files.sent).toBe(size)
  })

  test('of which one is closed in the middle: the other goes on', async () => {
    const [one, other] = [await open(), await open()]
    const middle = new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (files.sent < chunkBytes + 1_000_000) return
        clearInterval(timer)
        resolve()
      }, 5)
    })
    const first = load(one).catch(() => undefined)
    const second = load(other)
    await middle
    await one.close()
    await first
    expect(await second).toMatchObject({ tier: 'device', loadedBytes: size })
    expect(files.sent).toBeLessThanOrEqual(size + chunkBytes)
  })
})

describe('a browser that has little room', () => {
  let profile: string
  beforeEach(async () => {
    await context.close()
    profile = await mkdtemp(join(tmpdir(), 'spillway-profile-'))
    // On a disk: private windows do not count what they keep in memory.
    context = await chromium.launchPersistentContext(profile, {
      executablePath: findBrowser(),
      args: browserFlags,
    })
  })
  afterEach(async () => {
    await context.close()
    await rm(profile, { recursive: true, force: true })
  })

  const limit = async (page: Page, quotaSize?: number) => {
    const cdp = await context.newCDPSession(page)
    await cdp.send('Storage.overrideQuotaForOrigin', {
      origin: host.url.origin,
      ...(quotaSize === undefined ? {} : { quotaSize }),
    })
  }

  test('runs a model from memory, says so, and keeps it when there is room', async () => {
    const page = await open()
    await limit(page, 30_000_000)
    expect(await load(page)).toMatchObject({ tier: 'device', loadedBytes: size, isKept: false })
    expect(await list(page)).toMatchObject([{ id: 'big', bytes: 0, isComplete: false }])
    await limit(page)
    await page.reload()
    expect(await load(page)).toMatchObject({ tier: 'device', isKept: true })
    expect(await list(page)).toMatchObject([{ id: 'big', bytes: size, isComplete: true, isInUse: true }])
  })

  test('makes some by removing the model that was not used for longest', async () => {
    const page = await open()
    await limit(page, 90_000_000)
    await load(page)
    const next = await serve('next', bigModel(side))
    await page.reload()
    expect(await load(page, next)).toMatchObject({ tier: 'device', isKept: true })
    await next.stop()
    expect(await list(page)).toMatchObject([{ id: 'next', bytes: size, isComplete: true }])
  })
})

test('runtime.storage lists, counts and removes what is kept', async () => {
  const page = await open()
  await load(page)
  const told = await page.evaluate(async () => {
    const { storage } = window.spillway
    const before = await storage.usage()
    const freed = await storage.remove('big')
    const after = await storage.usage()
    return {
      before: before.models,
      used: before.used,
      freed,
      after: after.models,
      list: await storage.list(),
    }
  })
  expect(told).toMatchObject({ before: size, freed: size, after: 0, list: [] })
  expect(told.used).toBeGreaterThan(0)
})
