import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import type { Placement } from '../../web/api/index.ts'
import { joinParts, project } from '../support/attention.ts'
import { openBarePage } from '../support/page.ts'
import { pretendGpu } from '../support/pretend-gpu.ts'
import { runDigits } from '../support/run-digits.ts'
import { useSite } from '../support/site.ts'
import { copyDigits } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const width = 512
const layers = 12

const figures = /: WebAssembly answers 1 row in [\d.]+ ms here, WebGPU in [\d.]+ ms$/

const site = useSite(async () => {
  const folder = await copyDigits((manifest) => ({
    ...manifest,
    variants: manifest.variants
      .filter(({ id }) => id === 'fp32')
      .map((variant) => ({ ...variant, backends: ['webgpu'] })),
  }))
  await writeProduct(join(folder, 'product'))
  return { SPILLWAY_MODELS: folder }
})

/** A model of matrix products: many of its rows take WebAssembly longer than a result needs to come back from a GPU. */
async function writeProduct(root: string): Promise<void> {
  const products = Array.from({ length: layers }, (_, index) =>
    project(`x${index}`, `x${index + 1}`, width, width, index),
  )
  const graph = modelProto({
    ...joinParts(...products),
    inputs: [value('x0', ['batch', width])],
    outputs: [value(`x${layers}`, ['batch', width])],
  })
  await mkdir(root)
  await writeFile(join(root, 'model.onnx'), encode(graph))
  writeManifest(join(root, 'manifest.json'), await makeManifest(root))
}

/** A page of a browser that takes the software adapter for a GPU. */
async function openOnGpu(): Promise<Page> {
  const context = await site.browser.newContext()
  onTestFinished(() => context.close())
  await pretendGpu(context)
  const { page } = await openBarePage(context, site.server.url)
  return page
}

interface Answer {
  readonly value: number
  readonly placement: Placement
  /** The backends that were measured or ran requests, in order. */
  readonly backends: readonly string[]
}

const run = (page: Page): Promise<Answer> =>
  page.evaluate(async (width) => {
    window.spillway.policy = 'device'
    const model = await window.spillway.model('product')
    const { outputs, placement } = await model.run({ x0: new Float32Array(width).fill(0.5) })
    const sessions = window.spillway.stats().device.models.map(({ session }) => session)
    const backends = sessions.map((session) => session.split('/').at(-1) ?? '')
    return { value: Number(Object.values(outputs)[0]?.data[0]), placement, backends }
  }, width)

/** The backends whose measurements of the model the page has stored for its next visit. */
const keptBackends = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const database = await settled(indexedDB.open('spillway-calibration'))
    const store = database.transaction('calibrations').objectStore('calibrations')
    const [key] = (await settled(store.getAllKeys())).filter((key) => String(key).startsWith('product@'))
    const kept: { curves?: object } = key === undefined ? {} : await settled(store.get(key))
    database.close()
    return Object.keys(kept.curves ?? {})
      .map((key) => key.split('/')[0] ?? '')
      .sort()
  })

test('a small model starts in WebAssembly; both backends are measured, once, and the figures are named', async () => {
  const page = await openOnGpu()
  const early = await run(page)
  expect(early.placement).toMatchObject({ tier: 'device', backend: 'wasm' })
  expect(early.placement.explanation).toMatch(
    /: The model is small, so WebAssembly on (one thread|\d threads) before the GPU \(.+\)$/,
  )
  await expect
    .poll(() => run(page), { interval: 1_000 })
    .toMatchObject({
      placement: {
        explanation: expect.stringMatching(figures),
      },
      backends: ['wasm', 'webgpu'],
    })
  // A page that is left in the middle of a measurement keeps none of it.
  await expect.poll(() => keptBackends(page)).toEqual(['wasm', 'webgpu'])
  await page.goto('about:blank')
  const next = await openBarePage(page.context(), site.server.url)
  const later = await run(next.page)
  expect(later.placement.explanation).toMatch(figures)
  expect(later.value).toBeCloseTo(early.value, 3)
})

test('a model whose only variant is for WebGPU runs there', async () => {
  const { digit, placement } = await runDigits(await openOnGpu(), { policy: 'device' })
  expect(digit).toBe(1)
  expect(placement).toMatchObject({ tier: 'device', backend: 'webgpu', reason: 'policy' })
  expect(placement.explanation).toMatch(/: The device has a GPU \(.+\)$/)
})
