import { describe, expect, test } from 'vitest'
import { defaultTolerance } from '../../models/core/manifest.ts'
import { withRuntime } from '../support/kept-model.ts'
import { openPage } from '../support/page.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { useSite, useVisit } from '../support/site.ts'
import { runtimeStored } from '../support/stored-keys.ts'
import { copyDigits, digitsManifest } from '../support/test-models.ts'

const huge = 2 ** 45

const site = useSite(async () => ({
  SPILLWAY_MODELS: await copyDigits((manifest) => ({
    ...manifest,
    id: 'huge',
    variants: manifest.variants.map((variant) => ({ ...variant, memory: huge })),
  })),
}))
const visit = useVisit(site)

const isModelFile = (path: string) => path.startsWith('/models/digits/q8/')
const modelBytes = () =>
  visit.proxy.seen.filter(({ path }) => isModelFile(path)).reduce((sum, { sentBytes }) => sum + sentBytes, 0)
const size = digitsManifest.variants[0]?.files[0]?.size ?? 0

describe('a page of another origin with the embed script', () => {
  test('runs on the device: downloaded with progress at the first visit, loaded from the store at the second, and run without the server at the third', async () => {
    const { page, errors } = await openPage(visit.context, visit.hostUrl)
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false)
    visit.proxy.fault = (_method, path) => (isModelFile(path) ? 'half' : 'pass')
    const running = runDigits(page, { policy: 'prefer-device' })
    await page.waitForFunction(() => (window.progress?.length ?? 0) > 5, undefined, { polling: 50 })
    visit.proxy.release()
    const first = await running
    expect(first).toMatchObject({
      digit: 1,
      placement: { tier: 'device', backend: 'wasm', variant: 'q8', reason: 'preferred' },
    })
    expect(first.progress.at(0)).toMatchObject({ loadedBytes: 0, storedBytes: 0 })
    const last = first.progress.at(-1)
    expect(last?.loadedBytes).toBe(last?.totalBytes)
    expect(last).toMatchObject({ loadedBytes: withRuntime(size), storedBytes: 0 })
    const loaded = first.progress.map(({ loadedBytes }) => loadedBytes)
    expect(loaded).toEqual([...loaded].sort((one, other) => one - other))
    expect(modelBytes()).toBe(size)

    await runtimeStored(page)
    await page.reload()
    visit.proxy.clear()
    const second = await runDigits(page, { policy: 'prefer-device' })
    expect(second).toMatchObject({ digit: 1, placement: { tier: 'device' } })
    expect(second.progress.at(-1)).toMatchObject({ loadedBytes: size, totalBytes: size, storedBytes: size })
    expect(modelBytes()).toBe(0)
    expect(errors).toEqual([])

    await page.reload()
    await visit.proxy.stop()
    expect(await runDigits(page)).toMatchObject({ digit: 1, placement: { tier: 'device', backend: 'wasm' } })
  })

  test('is answered by the server while the model downloads, and by the device once it is loaded', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    visit.proxy.fault = (_method, path) => (isModelFile(path) ? 'half' : 'pass')
    const ask = (isLoaded: boolean) =>
      page.evaluate(async (isLoaded) => {
        const model = await window.spillway.model('digits')
        const loading = model.load()
        if (isLoaded) await loading
        const { outputs, placement } = await model.run({ image: new Float32Array(784) })
        return { placement, logits: Array.from(outputs.logits?.data ?? [], Number) }
      }, isLoaded)
    const before = await ask(false)
    visit.proxy.release()
    const after = await ask(true)
    expect(before.placement).toMatchObject({ tier: 'server', reason: 'bridge' })
    expect(after.placement).toMatchObject({ tier: 'device', reason: 'device-capable' })
    const differences = before.logits.map((value, index) =>
      Math.abs(value - (after.logits[index] ?? Number.NaN)),
    )
    expect(Math.max(...differences)).toBeLessThanOrEqual(digitsManifest.tolerance ?? defaultTolerance)
  })

  test('spills requests that the device would answer late, and loses none', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    const { tiers, spilled, wrong } = await page.evaluate(async () => {
      const rows = 400
      const inputs = { image: { data: new Float32Array(rows * 784).fill(0.5), shape: [rows, 1, 28, 28] } }
      const model = await window.spillway.model('digits')
      await model.load()
      // Both tiers first learn the cost of so many rows.
      const expected = (await model.run(inputs, { policy: 'device' })).outputs.logits?.data ?? []
      await model.run(inputs, { policy: 'server' })
      // How many requests are too many for a place depends on the machine's speed.
      let results: Awaited<ReturnType<typeof model.run>>[] = []
      const isShared = () =>
        results.some(({ placement }) => placement.reason === 'spill') &&
        results.some(({ placement }) => placement.tier === 'device')
      for (let count = 24; count < 1_000 && !isShared(); count *= 2)
        results = await Promise.all(
          Array.from({ length: count }, () => model.run(inputs, { policy: 'auto' })),
        )
      const difference = (data: ArrayLike<unknown>) =>
        Math.max(...Array.from(data, (value, index) => Math.abs(Number(value) - Number(expected[index]))))
      return {
        tiers: results.map(({ placement }) => placement.tier),
        spilled: results.find(({ placement }) => placement.reason === 'spill')?.placement.explanation,
        wrong: results.filter(({ outputs }) => !(difference(outputs.logits?.data ?? []) <= 0.001)).length,
      }
    })
    expect(wrong).toBe(0)
    expect(tiers).toContain('device')
    expect(tiers).toContain('server')
    expect(spilled).toMatch(/The device would answer in \d+ ms, the server in \d+ ms/)
  })

  test('reports its queue, batches, lanes and placements while requests run and when they are done', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    const { events, last, before, during } = await page.evaluate(async () => {
      const inputs = { image: new Float32Array(784) }
      const model = await window.spillway.model('digits')
      await model.load()
      const events: ReturnType<typeof window.spillway.stats>[] = []
      window.spillway.addEventListener('stats', ({ stats }) => events.push(stats))
      const queue = () => ({ queueMs: model.queueMs, isSaturated: model.isSaturated })
      await model.run(inputs, { policy: 'device' })
      const before = queue()
      const runs = Array.from({ length: 500 }, () => model.run(inputs, { policy: 'device' }))
      window.spillway.policy = 'device'
      const during = queue()
      await Promise.all(runs)
      while (events.at(-1)?.device.queued !== 0)
        await new Promise((resolve) => window.spillway.addEventListener('stats', resolve, { once: true }))
      return { events: events.length, last: window.spillway.stats(), before, during }
    })
    expect(before).toEqual({ queueMs: 0, isSaturated: false })
    expect(during.queueMs).toBeGreaterThan(0)
    expect(events).toBeGreaterThan(0)
    expect(last.device).toMatchObject({ queued: 0, running: 0, isSaturated: false })
    const [digits] = last.device.models
    expect(digits?.requests).toBeGreaterThanOrEqual(501)
    expect(digits?.batches).toBeLessThan(100)
    expect(digits?.largestBatch).toBeGreaterThan(8)
    const { sessions = [] } = last.device.lanes[0] ?? {}
    expect(sessions).toMatchObject([{ session: expect.stringContaining('digits@') }])
    expect(last.device.memory.usedBytes).toBe(sessions[0]?.memoryBytes)
    expect(last.placements.find(({ placement }) => placement.reason === 'policy')?.requests).toBe(501)
  })

  test('runs on the server under policy "server", and loads no model', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    expect(await runDigits(page, { policy: 'server' })).toMatchObject({
      digit: 1,
      placement: { tier: 'server', backend: 'cpu', variant: 'q8', reason: 'policy' },
    })
    expect(modelBytes()).toBe(0)
    expect(page.workers()).toHaveLength(0)
  })

  test('sends nothing of a request anywhere under policy "device"', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    const requests: string[] = []
    let bodyBytes = 0
    visit.context.on('request', (request) => {
      requests.push(request.url())
      bodyBytes += request.postDataBuffer()?.length ?? 0
    })
    await runDigits(page, { policy: 'device' })
    requests.length = 0
    visit.proxy.clear()
    expect(await runDigits(page, { policy: 'device', rows: 64 })).toMatchObject({
      digit: 1,
      rows: 64,
      placement: { tier: 'device', reason: 'policy' },
    })
    // The manifest may be fetched again; the request's inputs go nowhere.
    expect(requests).toEqual([new URL('models/digits/manifest.json', visit.proxy.url).href])
    expect(bodyBytes).toBe(0)
    expect(visit.proxy.seen.every((request) => request.method === 'GET' && request.bodyBytes === 0)).toBe(
      true,
    )
  })

  test('detects a flipped byte in IndexedDB, downloads the file again and repairs the store', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    await runDigits(page, { policy: 'device' })
    const flipped = await page.evaluate(async (key) => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open('spillway')
        opening.onsuccess = () => resolve(opening.result)
        opening.onerror = () => reject(opening.error)
      })
      const files = () => database.transaction('models', 'readwrite').objectStore('models')
      const bytes = await new Promise<ArrayBuffer>((resolve) => {
        const getting = files().get(key)
        getting.onsuccess = () => resolve(getting.result)
      })
      const view = new Uint8Array(bytes)
      view[view.length >> 1] = (view[view.length >> 1] ?? 0) ^ 1
      await new Promise((resolve) => {
        files().put(bytes, key).onsuccess = resolve
      })
      database.close()
      return bytes.byteLength
    }, `chunk:sha256-${digitsManifest.variants[0]?.files[0]?.sha256}#0`)
    expect(flipped).toBe(size)

    // The browser's own cache must not hide a second download.
    const cdp = await visit.context.newCDPSession(page)
    await cdp.send('Network.clearBrowserCache')
    await page.reload()
    visit.proxy.clear()
    const repaired = await runDigits(page, { policy: 'device' })
    expect(repaired).toMatchObject({ digit: 1, placement: { tier: 'device' } })
    expect(repaired.progress.at(-1)?.storedBytes).toBe(0)
    expect(modelBytes()).toBe(size)

    await page.reload()
    visit.proxy.clear()
    expect((await runDigits(page, { policy: 'device' })).progress.at(-1)?.storedBytes).toBe(size)
    expect(modelBytes()).toBe(0)
  })

  test('lets the server answer for a model that is too large for the device, and explains it', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    // The first answers come before the capacity of the device is known.
    await expect
      .poll(async () => (await runDigits(page, { model: 'huge' })).placement)
      .toMatchObject({
        tier: 'server',
        reason: 'model-too-large',
        explanation: expect.stringContaining(`${huge / 2 ** 20} MiB`),
      })
    expect(await failDigits(page, { model: 'huge', policy: 'device' })).toMatchObject({
      code: 'capacity_insufficient',
      message: expect.stringContaining(`expected ${huge / 2 ** 20} MiB`),
    })
  })
})
