import '../../web/embed/window-global.ts'
import * as ort from 'onnxruntime-web'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { defaultTolerance } from '../../models/core/manifest.ts'
import type { Policy } from '../../web/api/index.ts'
import { launchBrowser, openBarePage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { detectPlainly, eightSequences, largestDifference, vadFile, vadManifest } from '../support/speech.ts'
import { modelFolder, withoutTestModels } from '../support/test-models.ts'

interface Detected {
  readonly probability: number
  readonly tier: string
  readonly computeMs: number
}

/** Runs every sequence in its own session, all at once. Policies change at the given frames. */
const detect = (
  page: Page,
  sequences: readonly (readonly Float32Array[])[],
  policies: readonly (readonly [from: number, Policy])[],
): Promise<Detected[][]> =>
  page.evaluate(
    async ({ sequences, policies }) => {
      const model = await window.spillway.model('silero-vad', {})
      if (policies.some(([, policy]) => policy === 'device')) await model.load()
      return Promise.all(
        sequences.map(async (frames) => {
          const session = model.createSession()
          const found: Detected[] = []
          for (const [index, frame] of frames.entries()) {
            const policy = policies.findLast(([from]) => index >= from)?.[1] ?? 'device'
            const { outputs, placement, timings } = await session.run(
              { input: Float32Array.from(frame) },
              { policy },
            )
            const probability = Number(outputs.output?.data[0])
            found.push({ probability, tier: placement.tier, computeMs: timings.computeMs })
          }
          session.close()
          return found
        }),
      )
    },
    { sequences: sequences.map((frames) => frames.map((frame) => [...frame])), policies },
  )

const probabilities = (found: readonly Detected[] | undefined) =>
  (found ?? []).map(({ probability }) => probability)

const why = withoutTestModels === undefined ? '' : ` (skipped: ${withoutTestModels})`

describe.skipIf(withoutTestModels !== undefined)(`sessions in a page${why}`, () => {
  let server: TestServer
  let browser: Browser
  let page: Page
  const frames = 24
  const all = withoutTestModels === undefined ? eightSequences(frames) : []
  const plain: number[][] = []

  beforeAll(async () => {
    const models = await modelFolder(vadFile(), vadManifest)
    ;[server, browser] = await Promise.all([startServer({ SPILLWAY_MODELS: models }), launchBrowser()])
    for (const sequence of all) plain.push(await detectPlainly(ort, sequence))
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
  })
  beforeEach(async () => {
    page = (await openBarePage(await browser.newContext(), server.url)).page
    await page.addScriptTag({ type: 'module', url: new URL('embed.js', server.url).href })
  })

  test('eight at once on WebAssembly share runs, and agree with plain onnxruntime-web for each', async () => {
    const found = await detect(page, all, [[0, 'device']])
    for (const [index, sequence] of found.entries()) {
      expect(new Set(sequence.map(({ tier }) => tier))).toEqual(new Set(['device']))
      expect(largestDifference(probabilities(sequence), plain[index] ?? [])).toBeLessThanOrEqual(1e-5)
    }
    // Rows of one run have exactly the same time.
    const runs = new Set(found.flat().map(({ computeMs }) => computeMs)).size
    expect(runs).toBeLessThan((all.length * frames) / 2)
  })

  test('a session keeps its state when its runs move to the server and back', async () => {
    const found = await detect(page, all.slice(0, 2), [
      [0, 'device'],
      [8, 'server'],
      [16, 'device'],
    ])
    for (const [index, sequence] of found.entries()) {
      expect(sequence.map(({ tier }) => tier)).toEqual([
        ...new Array(8).fill('device'),
        ...new Array(8).fill('server'),
        ...new Array(8).fill('device'),
      ])
      expect(largestDifference(probabilities(sequence), plain[index] ?? [])).toBeLessThanOrEqual(
        vadManifest.tolerance ?? defaultTolerance,
      )
    }
  })
})
