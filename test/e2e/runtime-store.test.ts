import '../../web/embed/window-global.ts'
import '../support/window-progress.ts'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { startHostPage } from '../support/host-page.ts'
import { openBarePage, openPage, runtimeReady } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'
import { runtimeStored, storedKeys } from '../support/stored-keys.ts'

const site = useSite()
const visit = useVisit(site)

const isRuntime = (path: string) => path.endsWith('.wasm')
const requested = () => visit.proxy.seen.filter(({ path }) => isRuntime(path))

async function open(url?: URL): Promise<Page> {
  if (!url) return (await openBarePage(visit.context, visit.proxy.url)).page
  const { page } = await openPage(visit.context, url)
  await runtimeReady(page)
  return page
}

/** Runs `digits` on the device. Resolves to where, or the error's code, with the last progress. */
const run = (page: Page) =>
  page.evaluate(async () => {
    const reports: NonNullable<typeof window.progress>[number][] = []
    window.progress = reports
    spillway.policy = 'device'
    try {
      const model = await spillway.model('digits', { onProgress: (progress) => reports.push(progress) })
      const { placement } = await model.run({ image: new Float32Array(784) })
      const [file] = model.manifest.variants.find(({ id }) => id === placement.variant)?.files ?? []
      return { tier: placement.tier, size: file?.size ?? 0, last: reports.at(-1), reports: reports.length }
    } catch (cause) {
      return { tier: String(cause), size: 0, last: undefined, reports: reports.length }
    }
  })

/** The next visit of the same browser, whose HTTP cache has lost everything. */
async function visitAgain(page: Page): Promise<void> {
  const session = await visit.context.newCDPSession(page)
  await session.send('Network.clearBrowserCache')
  await page.reload()
  await runtimeReady(page)
  visit.proxy.clear()
}

/** Writes records of a runtime of another version, as a former visit left them. */
const storeFormerRuntime = (page: Page) =>
  page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve) => {
      const opening = indexedDB.open('spillway')
      opening.onsuccess = () => resolve(opening.result)
    })
    const writing = database.transaction('models', 'readwrite')
    const objects = writing.objectStore('models')
    const model = { id: '/onnxruntime-web', version: 'former', variant: 'jspi', files: ['former'], usedAt: 0 }
    objects.put(model, 'model:/onnxruntime-web@former/jspi')
    objects.put({ key: 'former', location: 'indexeddb', size: 3, checks: ['0'], sha256: 'f' }, 'file:former')
    objects.put(new ArrayBuffer(3), 'chunk:former#0')
    await new Promise<void>((resolve) => {
      writing.oncomplete = () => resolve()
    })
    database.close()
  })

describe('the runtime', () => {
  test('is downloaded once, counted as the network carried it, and then comes from the store; it is no model: not listed, nor counted as one', async () => {
    const page = await open()
    const first = await run(page)
    expect(first.tier).toBe('device')
    expect(requested()).toHaveLength(1)
    const sentBytes = requested()[0]?.sentBytes ?? 0
    expect(sentBytes).toBeGreaterThan(3e6)
    expect(first.last).toMatchObject({
      loadedBytes: first.size + sentBytes,
      totalBytes: first.size + sentBytes,
      storedBytes: 0,
      isKept: true,
    })
    await runtimeStored(page)
    await expect
      .poll(() => page.evaluate(async () => (await spillway.storage.usage()).models))
      .toBe(first.size)
    expect(await page.evaluate(async () => (await spillway.storage.list()).map(({ id }) => id))).toEqual([
      'digits',
    ])

    await visitAgain(page)
    const second = await run(page)
    expect(second.tier).toBe('device')
    expect(requested()).toEqual([])
    expect(second.last).toMatchObject({
      loadedBytes: second.size,
      totalBytes: second.size,
      storedBytes: second.size,
    })
  })

  test('is never run nor kept where its bytes are not those of the build', async () => {
    visit.proxy.fault = (_method, path) => (isRuntime(path) ? 'alter' : 'pass')
    const page = await open()
    const { tier } = await run(page)
    expect(tier).toContain('ONNX Runtime is not what its manifest says')
    // Once more past every cache.
    expect(requested()).toHaveLength(2)
    const keys = await storedKeys(page)
    const [, sha256 = 'none'] = /onnxruntime-web@(\w+)/.exec(keys.join(' ')) ?? []
    expect(keys.filter((key) => key.includes(`sha256-${sha256}`))).toEqual([])
    visit.proxy.fault = () => 'pass'
    await page.reload()
    await runtimeReady(page)
    expect((await run(page)).tier).toBe('device')
  })

  test('is fetched past the store, and checked, where the store could not fetch it', async () => {
    let atSecond: 'alter' | 'pass' = 'alter'
    visit.proxy.fault = (_method, path) => {
      if (!isRuntime(path)) return 'pass'
      return requested().length === 1 ? 'missing' : atSecond
    }
    const page = await open()
    expect((await run(page)).tier).toContain('The server has no ONNX Runtime')
    // Once more past the HTTP cache, which may hold the wrong bytes.
    expect(requested()).toHaveLength(3)
    atSecond = 'pass'
    visit.proxy.clear()
    await page.reload()
    await page.waitForFunction(() => 'spillway' in window)
    const { tier, last } = await run(page)
    expect(tier).toBe('device')
    expect(requested()).toHaveLength(2)
    expect(last?.loadedBytes).toBe(last?.totalBytes)
  })

  test('of a former version is removed', async () => {
    const page = await open()
    await run(page)
    await storeFormerRuntime(page)
    await page.reload()
    await runtimeReady(page)
    await run(page)
    await expect.poll(async () => (await storedKeys(page)).join(' ')).not.toContain('former')
  })

  test('is shared with the threads of an isolated page of another origin, and downloaded once', async () => {
    await visit.context.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => 4 })
    })
    const host = await startHostPage(new URL('embed.js', visit.proxy.url), undefined, {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    })
    const page = await open(host.url)
    const threads = await page.evaluate(async () => (await spillway.capacity()).wasm.threads)
    expect(threads).toBeGreaterThan(1)
    expect((await run(page)).tier).toBe('device')
    const lanes = await page.evaluate(() => spillway.stats().device.lanes.map((lane) => lane.threads))
    expect(lanes).toContain(threads)
    expect(requested()).toHaveLength(1)
    await host.stop()
  })

  test('is kept for a page of another origin as well', async () => {
    const page = await open(visit.hostUrl)
    expect((await run(page)).tier).toBe('device')
    expect(requested()).toHaveLength(1)
    await runtimeStored(page)
    await visitAgain(page)
    expect((await run(page)).tier).toBe('device')
    expect(requested()).toEqual([])
  })
})
