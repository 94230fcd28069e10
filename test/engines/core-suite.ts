import '../../web/elements/define.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultTolerance } from '../../models/core/manifest.ts'
import { digitsManifest } from '../support/test-models.ts'
import type { EngineDriver, EngineWindow } from './drivers/engine-driver.ts'
import { type CaseName, caseNames, cases, type EngineId, engines } from './engines.ts'
import { filesKept, openScene, runDigits, type Scene, visit, visitAgain } from './scene.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** The version of the engine that did the case. */
    engineVersion?: string
  }
}

declare global {
  /** Tokens of the text so far. */
  var tokens: number
}

const modelFile = /^\/models\/digits\/.*\.onnx/
const isDownload = (path: string) => modelFile.test(path) || path.endsWith('.wasm')
const bytes = digitsManifest.variants[0]?.files[0]?.size ?? 0

const noFaults = async (window: EngineWindow) =>
  expect(await window.evaluate(() => globalThis.faults)).toEqual([])

/** Each case finds the page that embeds the runtime, as the case before it left it. */
const suite: Readonly<Record<CaseName, (scene: Scene) => Promise<void>>> = {
  load: async ({ page }) => {
    const { tier, progress, loaded } = await runDigits(page)
    expect(tier).toBe('device')
    expect(progress).toMatchObject({ loadedBytes: progress.totalBytes, storedBytes: 0, isKept: true })
    // With ONNX Runtime.
    expect(progress.totalBytes).toBeGreaterThan(bytes + 1e6)
    expect(loaded[0]).toBe(0)
    expect(loaded).toEqual([...loaded].sort((one, other) => one - other))
    await noFaults(page)
  },

  run: async ({ page }) => {
    const { difference, digits, batches, tiers } = await page.evaluate(async () => {
      const model = await spillway.model('digits')
      const image = new Float32Array(784)
      for (let y = 4; y < 24; y++) image.fill(1, y * 28 + 12, y * 28 + 15)
      const batchesSoFar = () => spillway.stats().device.models[0]?.batches ?? 0
      const before = batchesSoFar()
      const calls = Array.from({ length: 200 }, () => model.run({ image }, { policy: 'device' }))
      const results = await Promise.all(calls)
      const batches = batchesSoFar() - before
      const there = await model.run({ image }, { policy: 'server' })
      const logitsOf = ({ outputs }: typeof there) => Array.from(outputs.logits?.data ?? [], Number)
      const expected = logitsOf(there)
      const differences = results.flatMap((result) =>
        logitsOf(result).map((value, index) => Math.abs(value - (expected[index] ?? Number.NaN))),
      )
      return {
        difference: Math.max(...differences),
        digits: results.map(logitsOf).map((logits) => logits.indexOf(Math.max(...logits))),
        batches,
        tiers: [...new Set(results.map(({ placement }) => placement.tier)), there.placement.tier],
      }
    })
    expect(tiers).toEqual(['device', 'server'])
    expect(new Set(digits)).toEqual(new Set([1]))
    expect(difference).toBeLessThanOrEqual(digitsManifest.tolerance ?? defaultTolerance)
    expect(batches).toBeLessThan(50)
  },

  cache: async ({ page }) => {
    // An answer does not wait until the runtime is written.
    await expect.poll(() => filesKept(page)).toBe(2)
    const listed = await page.evaluate(async () => {
      const list = await spillway.storage.list()
      return { ids: list.map(({ id }) => id), bytes: (await spillway.storage.usage()).models }
    })
    expect(listed).toEqual({ ids: ['digits'], bytes })
  },

  'second visit': async ({ page, proxy }) => {
    proxy.clear()
    await visitAgain(page)
    const { digit, tier, progress } = await runDigits(page)
    expect({ digit, tier }).toEqual({ digit: 1, tier: 'device' })
    expect(progress).toMatchObject({ totalBytes: bytes, storedBytes: bytes })
    expect(proxy.seen.map(({ path }) => path).filter(isDownload)).toEqual([])
    await noFaults(page)
  },

  'fall back': async ({ page, proxy }) => {
    proxy.fault = (_method, path) => (/^\/models\/transactions\/.*\.onnx/.test(path) ? 'missing' : 'pass')
    const placements = await page.evaluate(async () => {
      spillway.policy = 'auto'
      const model = await spillway.model('transactions')
      const inputs = { features: new Float32Array(16) }
      const run = async (policy: 'prefer-device' | 'device') => {
        try {
          return (await model.run(inputs, { policy })).placement.tier
        } catch (error) {
          return error instanceof Error && 'code' in error ? error.code : String(error)
        }
      }
      return [await run('prefer-device'), await run('device')]
    })
    proxy.fault = () => 'pass'
    expect(placements).toEqual(['server', 'file_missing'])
  },

  generate: async ({ page }) => {
    const { texts, pieces, tiers } = await page.evaluate(async () => {
      const model = await spillway.model('bard')
      const request = { prompt: 'To be, or not', seed: 7, maxTokens: 40 }
      const stream = model.generate(request, { policy: 'device' })
      const second = model.generate(request, { policy: 'device' })
      let pieces = ''
      for await (const { text } of stream) pieces += text
      const results = [await stream.result, await second.result]
      const tiers = results.map(({ placement }) => placement.tier)
      return { texts: results.map(({ text }) => text), pieces, tiers }
    })
    expect(tiers).toEqual(['device', 'device'])
    expect(texts).toEqual([pieces, pieces])
    expect(pieces.length).toBeGreaterThan(40)
    await noFaults(page)
  },

  abort: async ({ page }) => {
    const seen = await page.evaluate(async () => {
      const code = (work: Promise<unknown>) =>
        work.then(
          () => 'settled',
          (error: { code: string }) => error.code,
        )
      const digits = await spillway.model('digits')
      const inputs = { image: new Float32Array(784) }
      const before = await code(digits.run(inputs, { signal: AbortSignal.abort() }))
      const leaving = new AbortController()
      const running = code(digits.run(inputs, { policy: 'device', signal: leaving.signal }))
      leaving.abort()
      const bard = await spillway.model('bard')
      const stopping = new AbortController()
      const { signal } = stopping
      const stream = bard.generate(
        { prompt: 'To be', temperature: 0, maxTokens: 200 },
        { policy: 'device', signal },
      )
      const read = async () => {
        for await (const _ of stream) stopping.abort()
      }
      const text = await code(read())
      const after = await bard.generate({ prompt: 'To be', maxTokens: 4 }, { policy: 'device' }).result
      return { codes: [before, await running, text], tokens: after.usage.generatedTokens }
    })
    expect(seen).toEqual({ codes: ['aborted', 'aborted', 'aborted'], tokens: 4 })
    await noFaults(page)
  },

  failover: async ({ page, proxy }) => {
    let texts = 0
    // The first text comes whole. The second is held at its half.
    proxy.fault = (_method, path) => (path.startsWith('/v1/') && ++texts > 1 ? 'half' : 'pass')
    const generating = page.evaluate(async () => {
      globalThis.tokens = 0
      const model = await spillway.model('bard')
      const request = { prompt: 'To be, or not', temperature: 0, maxTokens: 60 }
      const whole = await model.generate(request, { policy: 'server' }).result
      const texts = { server: '', device: '' }
      const stream = model.generate(request, { policy: 'prefer-server' })
      for await (const { text, tokens, placement } of stream) {
        globalThis.tokens += tokens.length
        texts[placement.tier] += text
      }
      const { text } = await stream.result
      return { texts, text, whole: whole.text, tokens: globalThis.tokens }
    })
    await expect.poll(() => page.evaluate(() => globalThis.tokens)).toBeGreaterThan(5)
    proxy.fault = () => 'reset'
    proxy.cut()
    const { texts: written, text, whole, tokens } = await generating
    proxy.fault = () => 'pass'
    expect(tokens).toBe(60)
    expect(text).toBe(written.server + written.device)
    // The device may go on with a variant of its own, which is another model.
    expect(whole.startsWith(written.server)).toBe(true)
    expect(written.device.length).toBeGreaterThan(20)
    await noFaults(page)
  },

  embed: async ({ page, guests }) => {
    await visit(page, new URL('isolated', guests))
    expect(await runDigits(page)).toMatchObject({ digit: 1, tier: 'device' })
    const seen = await page.evaluate(async () => {
      const { threads } = (await spillway.capacity()).wasm
      const mayShare = 'SharedArrayBuffer' in globalThis && navigator.hardwareConcurrency > 2
      return { isIsolated: crossOriginIsolated, isShared: threads > 1, mayShare }
    })
    expect(seen).toEqual({ isIsolated: true, isShared: seen.mayShare, mayShare: seen.mayShare })
    await noFaults(page)
  },

  'sandboxed frame': async ({ page, guests }) => {
    await page.goto(new URL('sandboxed', guests))
    await expect
      .poll(() => page.evaluate(() => globalThis.frameAnswers))
      .toEqual([{ digit: 1, tier: 'device', isKept: false, origin: 'null' }])
  },

  elements: async ({ page, guests }) => {
    await page.goto(new URL('elements', guests))
    const box = () =>
      page.evaluate(() => {
        const pad = document.querySelector('spillway-classify')?.shadowRoot?.querySelector('.pad')
        pad?.scrollIntoView({ block: 'center' })
        const { x = 0, y = 0, width = 0, height = 0 } = pad?.getBoundingClientRect() ?? {}
        return { x, y, width, height }
      })
    await expect.poll(async () => (await box()).height).toBeGreaterThan(50)
    const { x, y, width, height } = await box()
    const stroke = Array.from({ length: 13 }, (_, step) => ({
      x: Math.round(x + width / 2),
      y: Math.round(y + height * (0.2 + step * 0.05)),
    }))
    await page.drag(stroke)
    const label = () => page.evaluate(() => document.querySelector('spillway-classify')?.value ?? '')
    await expect.poll(label).toBe('1')
    await page.evaluate(() => document.querySelector('spillway-chat')?.send('To be, or not'))
    const written = () =>
      page.evaluate(() => {
        const inside = document.querySelector('spillway-chat')?.shadowRoot
        return (inside?.querySelector('.run')?.textContent ?? '').length
      })
    await expect.poll(written).toBeGreaterThan(0)
    await page.evaluate(() => document.querySelector('spillway-chat')?.stop())
    const messages = () =>
      page.evaluate(() => document.querySelector('spillway-chat')?.messages.map(({ role }) => role) ?? [])
    await expect.poll(messages).toEqual(['user', 'assistant'])
    const answered = () =>
      page.evaluate(() => {
        const strip = document.querySelector('spillway-status')?.shadowRoot?.querySelector('.strip')
        return strip instanceof HTMLElement ? Number(strip.dataset.device) + Number(strip.dataset.server) : 0
      })
    await expect.poll(answered).toBeGreaterThan(1)
    await noFaults(page)
  },

  'private window': async ({ open, guests }) => {
    const window = await open('private')
    await visit(window, guests)
    expect(await runDigits(window)).toMatchObject({ digit: 1, tier: 'device' })
    await visitAgain(window)
    const { digit, tier, progress } = await runDigits(window)
    expect({ digit, tier }).toEqual({ digit: 1, tier: 'device' })
    expect(progress).toMatchObject({ storedBytes: bytes, isKept: true })
    await noFaults(window)
  },

  'blocked storage': async ({ open, guests }) => {
    const window = await open('blocked')
    await visit(window, guests)
    const isBlocked = await window.evaluate(
      () =>
        new Promise<boolean>((resolve) => {
          try {
            const opening = indexedDB.open('probe')
            opening.onsuccess = () => resolve(false)
            opening.onerror = () => resolve(true)
          } catch {
            resolve(true)
          }
        }),
    )
    expect(isBlocked).toBe(true)
    for (let visits = 0; visits < 2; visits++) {
      await visitAgain(window)
      const { digit, tier, progress } = await runDigits(window)
      expect({ digit, tier }).toEqual({ digit: 1, tier: 'device' })
      expect(progress).toMatchObject({ storedBytes: 0, isKept: false })
    }
    await noFaults(window)
  },

  'offline reload': async ({ page, proxy }) => {
    await visit(page, new URL('vision.html', proxy.url))
    await page.evaluate(async () => (await spillway.model('digits')).load())
    await expect.poll(() => filesKept(page)).toBe(2)
    const hasManifest = () =>
      page.evaluate(async () => {
        await navigator.serviceWorker.ready
        return (await caches.match('./models/digits/manifest.json')) !== undefined
      })
    await expect.poll(hasManifest).toBe(true)
    await proxy.stop()
    await visitAgain(page)
    const result = () =>
      page.evaluate(() => {
        const find = (id: string) => document.querySelector<HTMLElement>(`[data-testid=${id}]`)
        const read = find('result')?.textContent?.trim()
        // The page takes clicks once it has started.
        if (read !== '7') find('sample-7')?.click()
        return { read, isFromWorker: navigator.serviceWorker.controller !== null, crossOriginIsolated }
      })
    await expect.poll(result).toEqual({ read: '7', isFromWorker: true, crossOriginIsolated: true })
    const placement = await page.evaluate(
      () => document.querySelector<HTMLElement>('[data-testid=placement]')?.dataset.tier,
    )
    expect(placement).toBe('device')
  },
}

/** Runs the core suite in an engine. It is skipped where the engine is not installed, unless it is required. */
export function describeEngine(id: EngineId, driver: EngineDriver): void {
  const { name, cannot } = engines[id]
  const missing = driver.missing()
  const isSkipped = missing !== undefined && process.env.SPILLWAY_TEST_ENGINES !== 'required'
  describe.skipIf(isSkipped)(isSkipped ? `${name} (skipped: ${missing})` : name, () => {
    let scene: Scene | undefined
    beforeAll(async () => {
      if (missing !== undefined) throw new Error(missing)
      scene = await openScene(driver)
    })
    afterAll(() => scene?.close())
    for (const each of caseNames) {
      const reason = (cannot as Partial<Record<CaseName, string>>)[each]
      test.skipIf(reason !== undefined)(
        reason === undefined ? cases[each] : `${cases[each]} (skipped: ${reason})`,
        async ({ task }) => {
          if (!scene) return expect.fail(`${name} has not started`)
          task.meta.engineVersion = scene.page.version
          await suite[each](scene)
        },
      )
    }
  })
}
