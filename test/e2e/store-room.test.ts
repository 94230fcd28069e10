import '../../web/embed/global.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { chunkBytes } from '../../web/store/storage/model-store.ts'
import { bigModel } from '../support/big-model.ts'
import type { FileServer } from '../support/file-server.ts'
import { startHostPage } from '../support/host-page.ts'
import { list, load, serve, side } from '../support/kept-model.ts'
import { launchProfile, openPage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** A browser that has little room, or loses it. */

let server: TestServer
let host: Awaited<ReturnType<typeof startHostPage>>
let profile: string
let context: BrowserContext
let files: FileServer
const bytes = bigModel(side)
const size = bytes.length

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  host = await startHostPage(new URL('embed.js', server.url))
  profile = await mkdtemp(join(tmpdir(), 'spillway-profile-'))
  // On a disk: private windows do not count what they keep in memory.
  context = await launchProfile(profile)
  files = await serve('big', bytes)
})
afterEach(async () => {
  await context.close()
  await rm(profile, { recursive: true, force: true })
  await host.stop()
  await files.stop()
})

const open = async () => (await openPage(context, host.url)).page

const limit = async (page: Page, quotaSize?: number) => {
  const cdp = await context.newCDPSession(page)
  await cdp.send('Storage.overrideQuotaForOrigin', {
    origin: host.url.origin,
    ...(quotaSize === undefined ? {} : { quotaSize }),
  })
}

test('a browser that has little room runs a model from memory, says so, and keeps it when there is room', async () => {
  const page = await open()
  await limit(page, 30_000_000)
  expect(await load(page, files)).toMatchObject({ tier: 'device', loadedBytes: size, isKept: false })
  expect(await list(page)).toMatchObject([{ id: 'big', bytes: 0, isComplete: false }])
  await limit(page)
  await page.reload()
  expect(await load(page, files)).toMatchObject({ tier: 'device', isKept: true })
  expect(await list(page)).toMatchObject([{ id: 'big', bytes: size, isComplete: true, isInUse: true }])
})

test('a browser that has little room makes some by removing the model that was not used for longest', async () => {
  const page = await open()
  await limit(page, 90_000_000)
  await load(page, files)
  const next = await serve('next', bigModel(side))
  await page.reload()
  expect(await load(page, next)).toMatchObject({ tier: 'device', isKept: true })
  await next.stop()
  expect(await list(page)).toMatchObject([{ id: 'next', bytes: size, isComplete: true }])
})

/**
 * Once the first chunk of a download is kept, the page fills so many bytes with something else: who asks for the
 * next chunk is told to wait. A quota that is lowered would not do: Chromium's IndexedDB asks for the quota once,
 * and goes by the answer for half a minute.
 */
const fillInTheMiddle = (page: Page, from: FileServer, filling: number) => {
  const { fault } = from
  let filled: Promise<void> | undefined
  let isFilled = false
  from.fault = (entry, response, request) => {
    if (fault(entry, response, request)) return true
    if (from.sent < chunkBytes) return false
    filled ??= page.evaluate(async (size) => {
      // What compresses would take no room.
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

/** Keys of files, and of their chunks, that lie in the browser, with or without a record. */
const left = (page: Page): Promise<string[]> =>
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
    return [...found, ...keys.map(String).filter((key) => /^(file|chunk):/.test(key))]
  })

/** Bytes that are filled beyond what the model leaves free: less than it still wants. */
const excess = 25_000_000

// Rows of a model that lies there, and bytes that it leaves free: a private file grows by doubling what it reserves.
const places = [
  ['IndexedDB', side, 20_000_000],
  ['the private files', 4_200, 100_000_000],
] as const

describe.each([
  ['goes on promising more, so that a write fails', false],
  ['tells so', true],
])('a browser that loses its room in the middle of a download, and %s', (_how, isTold) => {
  let told = 0

  /** Lets the browser keep so many bytes. Chromium promises gigabytes nevertheless; other browsers tell what is so. */
  const allow = async (page: Page, quota: number) => {
    await limit(page, quota)
    told = 0
    if (!isTold) return
    await context.route(/assets\/worker-[^/]*\.js$/, async (route) => {
      const response = await route.fetch()
      told++
      const truth = `const { storage } = navigator
        const estimate = storage.estimate.bind(storage)
        storage.estimate = async () => ({ ...(await estimate()), quota: ${quota} });`
      await route.fulfill({ response, body: `${truth}\n${await response.text()}` })
    })
  }

  test.each(places)(
    'runs the model from memory and leaves nothing of it in %s',
    async (_place, rows, spare) => {
      const file = bigModel(rows)
      const from = await serve('mid', file, rows)
      const page = await open()
      await allow(page, file.length + spare)
      fillInTheMiddle(page, from, spare + excess)
      expect(await load(page, from, rows)).toMatchObject({
        tier: 'device',
        loadedBytes: file.length,
        isKept: false,
      })
      expect(await list(page)).toMatchObject([{ id: 'mid', bytes: 0, isComplete: false }])
      expect(await left(page)).toEqual([])
      expect(told).toBe(isTold ? 1 : 0)
      await context.unrouteAll()
      await limit(page)
      await page.reload()
      expect(await load(page, from, rows)).toMatchObject({ tier: 'device', isKept: true })
      expect(await list(page)).toMatchObject([{ id: 'mid', bytes: file.length, isComplete: true }])
      await from.stop()
    },
  )

  test('removes the model that is not used, and keeps the one that comes', async () => {
    const spare = 20_000_000
    const page = await open()
    await allow(page, size * 2 + spare)
    await load(page, files)
    await page.reload()
    const next = await serve('next', bigModel(side))
    fillInTheMiddle(page, next, spare + excess)
    expect(await load(page, next)).toMatchObject({ tier: 'device', isKept: true })
    expect(await list(page)).toMatchObject([{ id: 'next', bytes: size, isComplete: true }])
    await next.stop()
  })
})
