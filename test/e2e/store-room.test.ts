import '../../web/embed/window-global.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { chunkBytes } from '../../web/store/storage/model-store.ts'
import { bigModel } from '../support/big-model.ts'
import type { FileServer } from '../support/file-server.ts'
import { startHostPage } from '../support/host-page.ts'
import { list, load, serve, side, withRuntime } from '../support/kept-model.ts'
import { launchProfile } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** Browsers with little storage space, or that run out of it during a download. */

let server: TestServer
let host: Awaited<ReturnType<typeof startHostPage>>
let profile: string
let context: BrowserContext
let page: Page
let files: FileServer
const bytes = bigModel(side)
const size = bytes.length

beforeAll(async () => {
  server = await startServer()
  profile = await mkdtemp(join(tmpdir(), 'spillway-profile-'))
  // A profile on disk: private windows do not count what they store in memory.
  context = await launchProfile(profile)
})
afterAll(async () => {
  await context.close()
  await rm(profile, { recursive: true, force: true })
  await server.stop()
})
beforeEach(async () => {
  // Another port, so another origin: each test has a store and a quota of its own.
  host = await startHostPage(new URL('embed.js', server.url))
  page = await context.newPage()
  await page.goto(host.url.href)
  files = await serve('big', bytes)
})
afterEach(async () => {
  const session = await context.newCDPSession(page)
  await session.send('Storage.clearDataForOrigin', { origin: host.url.origin, storageTypes: 'all' })
  await page.close()
  await context.unrouteAll()
  await host.stop()
  await files.stop()
})

const limit = async (quotaSize?: number) => {
  const cdp = await context.newCDPSession(page)
  await cdp.send('Storage.overrideQuotaForOrigin', {
    origin: host.url.origin,
    ...(quotaSize === undefined ? {} : { quotaSize }),
  })
}

test('a model too large for the browser runs from memory, is reported as not kept, and is stored once there is space', async () => {
  await limit(30_000_000)
  expect(await load(page, files)).toMatchObject({
    tier: 'device',
    loadedBytes: withRuntime(size),
    isKept: false,
  })
  expect(await list(page)).toMatchObject([{ id: 'big', bytes: 0, isComplete: false }])
  await limit()
  await page.reload()
  expect(await load(page, files)).toMatchObject({ tier: 'device', isKept: true })
  expect(await list(page)).toMatchObject([{ id: 'big', bytes: size, isComplete: true, isInUse: true }])
})

test('a browser with little space evicts the least recently used model', async () => {
  await limit(2 * size - 4_000_000)
  await load(page, files)
  const next = await serve('next', bigModel(side))
  await page.reload()
  expect(await load(page, next)).toMatchObject({ tier: 'device', isKept: true })
  await next.stop()
  expect(await list(page)).toMatchObject([{ id: 'next', bytes: size, isComplete: true }])
})

/**
 * Once the first chunk of a download is stored, the page fills `filling` bytes with other data. The server answers 503
 * until that is done. Lowering the quota would not do: Chromium's IndexedDB asks for the quota once, and keeps it
 * for half a minute.
 */
const fillInTheMiddle = (from: FileServer, filling: number) => {
  const { fault } = from
  let filled: Promise<void> | undefined
  let isFilled = false
  from.fault = (entry, response, request) => {
    if (fault(entry, response, request)) return true
    if (from.sent < chunkBytes) return false
    filled ??= page.evaluate(async (size) => {
      // Random data: compressible data would take no space.
      const noise = new Uint8Array(size)
      for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536))
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open('other')
        opening.onupgradeneeded = () => opening.result.createObjectStore('things')
        opening.onsuccess = () => resolve(opening.result)
        opening.onerror = () => reject(opening.error)
      })
      const writing = database.transaction('things', 'readwrite')
      writing.objectStore('things').put(noise, 'thing')
      await new Promise<void>((resolve, reject) => {
        writing.oncomplete = () => resolve()
        writing.onabort = () => reject(writing.error)
      })
      database.close()
    }, filling)
    if (isFilled) return false
    void filled.then(() => {
      isFilled = true
      response.writeHead(503).end()
    })
    return true
  }
}

/** The keys of all files and chunks of models in the browser, with or without a record; not those of the runtime. */
const storedKeys = (): Promise<string[]> =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle('spillway', { create: true })
    const found: string[] = []
    for await (const name of folder.keys()) found.push(name)
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open('spillway')
      opening.onsuccess = () => resolve(opening.result)
      opening.onerror = () => reject(opening.error)
    })
    const keys = await new Promise<IDBValidKey[]>((resolve) => {
      const asking = database.transaction('models').objectStore('models').getAllKeys()
      asking.onsuccess = () => resolve(asking.result)
    })
    database.close()
    const [, runtime = 'none'] = /onnxruntime-web@(\w+)/.exec(keys.join(' ')) ?? []
    const stored = [...found, ...keys.map(String).filter((key) => /^(file|chunk):/.test(key))]
    return stored.filter((key) => !key.includes(runtime))
  })

/** Bytes filled beyond the free space. It is less than the rest of the model needs. */
const excess = 8_000_000

// Rows of a model that is stored there, and the free bytes beside it: a private file grows by doubling its reservation.
const locations = [
  ['IndexedDB', side, 20_000_000],
  ['the origin private file system', 4_100, 100_000_000],
] as const

describe.each([
  ['still reports free space, so that a write fails', false],
  ['reports it', true],
])('a browser that runs out of space during a download, and %s', (_how, isReported) => {
  let patched = 0

  /** Sets the quota. Chromium reports gigabytes all the same; here it may report the truth, as other browsers do. */
  const allow = async (quota: number) => {
    await limit(quota)
    patched = 0
    if (!isReported) return
    await context.route(/assets\/store-entry-[^/]*\.js$/, async (route) => {
      const response = await route.fetch()
      patched++
      const truth = `const { storage } = navigator
        const estimate = storage.estimate.bind(storage)
        storage.estimate = async () => ({ ...(await estimate()), quota: ${quota} });`
      await route.fulfill({ response, body: `${truth}\n${await response.text()}` })
    })
  }

  // What a browser reports does not depend on where the model is kept: it is asked before either.
  test.each(isReported ? locations.slice(0, 1) : locations)(
    'runs the model from memory and leaves nothing of it in %s',
    async (_location, rows, spare) => {
      const file = bigModel(rows)
      const from = await serve('mid', file, rows)
      await allow(file.length + spare)
      fillInTheMiddle(from, spare + excess)
      expect(await load(page, from, rows)).toMatchObject({
        tier: 'device',
        loadedBytes: withRuntime(file.length),
        isKept: false,
      })
      expect(await list(page)).toMatchObject([{ id: 'mid', bytes: 0, isComplete: false }])
      expect(await storedKeys()).toEqual([])
      expect(patched).toBe(isReported ? 1 : 0)
      await context.unrouteAll()
      await limit()
      await page.reload()
      expect(await load(page, from, rows)).toMatchObject({ tier: 'device', isKept: true })
      expect(await list(page)).toMatchObject([{ id: 'mid', bytes: file.length, isComplete: true }])
      await from.stop()
    },
  )

  test('evicts the unused model, and keeps the new one', async () => {
    const spare = 20_000_000
    await allow(size * 2 + spare)
    await load(page, files)
    await page.reload()
    const next = await serve('next', bigModel(side))
    fillInTheMiddle(next, spare + excess)
    expect(await load(page, next)).toMatchObject({ tier: 'device', isKept: true })
    expect(await list(page)).toMatchObject([{ id: 'next', bytes: size, isComplete: true }])
    await next.stop()
  })
})
