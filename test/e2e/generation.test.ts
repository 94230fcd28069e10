import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Placement, Policy } from '../../models/core/index.ts'
import { randomFrom } from '../../models/tools/run-model/random-samples.ts'
import type {} from '../../web/embed/window-global.ts'
import { crashWorkers } from '../support/crash-workers.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import { type GuestPage, openGuestPage } from '../support/guest-page.ts'
import { launchBrowser, openPage, runtimeReady } from '../support/page.ts'
import { pretendGpu } from '../support/pretend-gpu.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { importStories } from '../support/stories.ts'
import { withoutTestModels } from '../support/test-models.ts'

declare global {
  interface Window {
    /** Tokens of all texts so far. */
    tokens: number
    releaseLane: () => void
  }
}

const openings = ['Once upon a time', 'One day', 'Lily', 'The cat', 'Tom had a big', 'It was a sunny day and']
/** So many that a fault meets them in different states, some of them waiting for a slot. */
const texts = 20
/** Tokens of the shortest text, and how many more each further one has. */
const usual: Lengths = { least: 60, more: 5 }
/** On a software GPU, where a step takes a third of a second: more texts than a lane has slots. */
const few = 12
const short: Lengths = { least: 10, more: 1 }

interface Lengths {
  readonly least: number
  readonly more: number
}

let server: TestServer
let browser: Browser
let guest: GuestPage | undefined
let proxy: FaultProxy
let page: Page

describe.skipIf(withoutTestModels)(
  `a text on a page${withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''}`,
  () => {
    beforeAll(async () => {
      const stories = await importStories()
      if ('absent' in stories) throw new Error(stories.absent)
      ;[server, browser] = await Promise.all([
        startServer({ SPILLWAY_MODELS: stories.folder }),
        launchBrowser(),
      ])
    })
    afterAll(async () => {
      await browser?.close()
      await server?.stop()
    })
    beforeEach(() => openFreshPage())
    afterEach(async () => {
      await guest?.close()
      guest = undefined
    })

    test('comes from the server while the device loads the model, then from the device, and policy "device" sends nothing off', async () => {
      const placements = await page.evaluate(async () => {
        const model = await window.spillway.model('stories260k')
        const first = await model.generate({ prompt: 'Once', maxTokens: 5 }).result
        await model.load()
        const second = await model.generate({ prompt: 'Once', maxTokens: 5 }).result
        return [first.placement, second.placement]
      })
      expect(placements).toMatchObject([
        { tier: 'server', backend: 'cpu', variant: 'fp32', reason: 'bridge' },
        { tier: 'device', backend: 'wasm', variant: 'fp32', reason: 'device-capable' },
      ])
      proxy.clear()
      const [results] = await generateTexts('device', 1)
      expect(results?.placement.tier).toBe('device')
      expect(proxy.seen.filter(({ method }) => method !== 'GET')).toEqual([])
    })

    describe('on WebAssembly without the module that captures the runtime’s WebAssembly', () => {
      const isCaptureModule = (path: string) => path.includes('capture-module')
      const write = () =>
        page.evaluate(async () => {
          const model = await window.spillway.model('stories260k')
          const request = { prompt: 'Once upon a time', temperature: 0, maxTokens: 40 }
          const { text, placement } = await model.generate(request, { policy: 'device' }).result
          return { text, backend: placement.backend }
        })
      const scripts = () => proxy.seen.map(({ path }) => path).filter((path) => /\.m?js(\?|$)/.test(path))
      /** A page with the module: its text, and the scripts that it fetched. */
      let whole: Awaited<ReturnType<typeof write>>
      let fetched: string[]
      beforeAll(async () => {
        await openFreshPage()
        whole = await write()
        fetched = scripts()
        expect(whole.backend).toBe('wasm')
      })

      test.each(['missing', 'html'] as const)(
        'is the same where that module’s URL answers "%s"',
        async (fault) => {
          proxy.fault = (_method, path) => (isCaptureModule(path) ? fault : 'pass')
          expect(await write()).toEqual(whole)
          expect(proxy.seen.map(({ path }) => isCaptureModule(path))).toContain(true)
        },
      )

      test('is the same where the page’s policy allows only the other scripts', async () => {
        const named = fetched.filter((path) => !isCaptureModule(path))
        expect(named.length).toBeLessThan(fetched.length)
        await openFreshPage(({ origin }) =>
          [
            `script-src 'wasm-unsafe-eval' blob: ${named.map((path) => origin + path).join(' ')}`,
            `worker-src blob: ${origin}`,
            `connect-src ${origin}`,
          ].join('; '),
        )
        expect(await write()).toEqual(whole)
        expect(scripts().map(isCaptureModule)).not.toContain(true)
      })
    })

    test('continues on the device when the server is lost in the middle', async () => {
      const whole = await textsWithoutFaults()
      // Answers that are sent whole are held at their half.
      proxy.fault = (_method, path) => (path.startsWith('/v1/') ? 'half' : 'pass')
      const generating = generateTexts('prefer-server')
      await tokensGenerated(texts * 2)
      proxy.fault = () => 'reset'
      proxy.cut()
      const results = await generating
      expect(results.map(({ text }) => text)).toEqual(whole)
      expect(results.map(({ tiers }) => tiers.join())).toContain('server,device')
    })

    test('continues in another worker when its own dies in the middle', async () => {
      const whole = await textsWithoutFaults()
      await holdLaneAt(texts * 10)
      const generating = generateTexts('device')
      await tokensGenerated(texts * 10)
      await crashWorkers(page)
      await releaseLane()
      const results = await generating
      expect(results.map(({ text }) => text)).toEqual(whole)
      expect(new Set(results.flatMap(({ tiers }) => tiers))).toEqual(new Set(['device']))
    })

    test('continues when the GPU process crashes in the middle, twice', {
      timeout: 300_000,
    }, async () => {
      const gpu = await openOnGpu()
      const whole = (await generateTexts('server', few, short)).map(({ text }) => text)
      const random = randomFrom(11)
      const first = few + Math.floor(random.uniform() * few)
      const second = first + 3 * few + Math.floor(random.uniform() * few)
      const generating = generateTexts('prefer-device', few, short)
      for (const point of [first, second]) {
        await tokensGenerated(point)
        await gpu.crash()
      }
      const results = await generating
      await gpu.close()
      expect(results.map(({ text }) => text)).toEqual(whole)
      // After the first crash the browser offers a GPU again at once, after the second no more.
      const moves = results.map(({ backends }) => backends.join())
      expect(moves).toContain('webgpu,wasm')
      expect(results.map(({ tiers }) => tiers.join())).toEqual(results.map(() => 'device'))
    })

    test('continues on the server when the device is lost in the middle', async () => {
      const whole = await textsWithoutFaults()
      await holdLaneAt(texts * 10)
      const generating = generateTexts('prefer-device')
      await tokensGenerated(texts * 10)
      await page.evaluate(() => {
        const refuse = () => {
          throw new Error('The test allows no more workers')
        }
        Object.assign(window, { Worker: refuse })
      })
      await crashWorkers(page)
      await releaseLane()
      const results = await generating
      expect(results.map(({ text }) => text)).toEqual(whole)
      expect(results.map(({ tiers }) => tiers.join())).toContain('device,server')
    })
  },
)

async function openFreshPage(policyFor?: (runtime: URL) => string): Promise<void> {
  await guest?.close()
  guest = await openGuestPage(browser, server.url, policyFor)
  ;({ proxy, page } = guest)
}

interface GeneratedText {
  readonly text: string
  readonly placement: Placement
  /** In the order in which the text used them. */
  readonly tiers: readonly string[]
  readonly backends: readonly string[]
}

/** Generates many texts at once, greedily; each starts a little later than the previous one. */
function generateTexts(policy: Policy, count = texts, lengths = usual): Promise<GeneratedText[]> {
  return page.evaluate(
    async ({ policy, openings, count, lengths: { least, more } }) => {
      window.tokens = 0
      const model = await window.spillway.model('stories260k')
      const write = async (index: number): Promise<GeneratedText> => {
        await new Promise((resolve) => setTimeout(resolve, 7 * index))
        const prompt = openings[index % openings.length] ?? ''
        const stream = model.generate({ prompt, temperature: 0, maxTokens: least + more * index }, { policy })
        const tiers: string[] = []
        const backends: string[] = []
        let text = ''
        for await (const piece of stream) {
          window.tokens += piece.tokens.length
          text += piece.text
          const { tier, backend } = piece.placement
          if (tiers.at(-1) !== tier) tiers.push(tier)
          if (backends.at(-1) !== backend) backends.push(backend)
        }
        const result = await stream.result
        if (result.text !== text) throw new Error(`The pieces say ${text}, the result ${result.text}`)
        return { text, placement: result.placement, tiers, backends }
      }
      return Promise.all(Array.from({ length: count }, (_, index) => write(index)))
    },
    { policy, openings, count, lengths },
  )
}

let wholeTexts: string[] | undefined

/** The texts without faults: the same on both tiers. The page's model is loaded then. */
async function textsWithoutFaults(): Promise<string[]> {
  await page.evaluate(async () => (await window.spillway.model('stories260k')).load())
  if (wholeTexts) return wholeTexts
  const [here, there] = [await generateTexts('device'), await generateTexts('server')]
  const whole = here.map(({ text }) => text)
  expect(there.map(({ text }) => text)).toEqual(whole)
  wholeTexts = whole
  return whole
}

const tokensGenerated = (count: number) =>
  // A software GPU compiles its shaders first.
  page.waitForFunction((count) => window.tokens >= count, count, { polling: 5, timeout: 90_000 })

/**
 * Once the page has so many tokens, it sends nothing more to its workers until it is released. A lane runs only so far
 * ahead of its reader, so it stops in the middle of its texts.
 */
const holdLaneAt = (count: number) =>
  page.evaluate((count) => {
    window.tokens = 0
    const held: (() => void)[] = []
    const { prototype } = Worker
    const { postMessage: send } = prototype
    prototype.postMessage = function (...message: unknown[]) {
      const go = () => Reflect.apply(send, this, message)
      if (window.tokens < count) go()
      else held.push(go)
    }
    window.releaseLane = () => {
      prototype.postMessage = send
      for (const go of held) go()
    }
  }, count)

const releaseLane = () => page.evaluate(() => window.releaseLane())

/** Opens a page in a browser of its own that takes the software adapter for a GPU. */
async function openOnGpu() {
  const home = page.url()
  const own = await launchBrowser()
  ;({ page } = await openPage(await own.newContext(), new URL('about:blank')))
  await pretendGpu(page)
  await page.goto(home)
  await runtimeReady(page)
  await page.evaluate(async () => (await window.spillway.model('stories260k')).load())
  const session = await own.newBrowserCDPSession()
  return {
    // The process may die before it answers.
    crash: () => session.send('Browser.crashGpuProcess').catch(() => undefined),
    close: () => own.close(),
  }
}
