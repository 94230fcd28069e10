import { expect } from 'vitest'
import { defaultTolerance } from '../../models/core/manifest.ts'
import { digitsManifest } from '../support/test-models.ts'
import { digitsBytes, filesKept, noFaults, runDigits, type Scene, visitAgain } from './scene.ts'

declare global {
  /** Tokens of the text so far. */
  var tokens: number
}

const isDownload = (path: string) => /^\/models\/digits\/.*\.onnx/.test(path) || path.endsWith('.wasm')

/** What a page does with both tiers. Each case finds the page as the one before it left it. */
export const deviceCases = {
  load: async ({ page }: Scene) => {
    const { tier, progress, loaded } = await runDigits(page)
    expect(tier).toBe('device')
    expect(progress).toMatchObject({ loadedBytes: progress.totalBytes, storedBytes: 0, isKept: true })
    // With ONNX Runtime.
    expect(progress.totalBytes).toBeGreaterThan(digitsBytes + 1e6)
    expect(loaded[0]).toBe(0)
    expect(loaded).toEqual([...loaded].sort((one, other) => one - other))
    await noFaults(page)
  },

  run: async ({ page }: Scene) => {
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

  cache: async ({ page }: Scene) => {
    // An answer does not wait until the runtime is written.
    await expect.poll(() => filesKept(page)).toBe(2)
    const listed = await page.evaluate(async () => {
      const list = await spillway.storage.list()
      return { ids: list.map(({ id }) => id), bytes: (await spillway.storage.usage()).models }
    })
    expect(listed).toEqual({ ids: ['digits'], bytes: digitsBytes })
  },

  'second visit': async ({ page, proxy }: Scene) => {
    proxy.clear()
    await visitAgain(page)
    const { digit, tier, progress } = await runDigits(page)
    expect({ digit, tier }).toEqual({ digit: 1, tier: 'device' })
    expect(progress).toMatchObject({ totalBytes: digitsBytes, storedBytes: digitsBytes })
    expect(proxy.seen.map(({ path }) => path).filter(isDownload)).toEqual([])
    await noFaults(page)
  },

  'fall back': async ({ page, proxy }: Scene) => {
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

  generate: async ({ page }: Scene) => {
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

  abort: async ({ page }: Scene) => {
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
      const after = await bard.generate(
        { prompt: 'To be', temperature: 0, maxTokens: 4 },
        { policy: 'device' },
      ).result
      return { codes: [before, await running, text], tokens: after.usage.generatedTokens }
    })
    expect(seen).toEqual({ codes: ['aborted', 'aborted', 'aborted'], tokens: 4 })
    await noFaults(page)
  },

  failover: async ({ page, proxy }: Scene) => {
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
}
