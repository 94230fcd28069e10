import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { createRuntime } from '../../web/api/index.ts'
import { launchBrowser, openBarePage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { copyDigits } from '../support/test-models.ts'

declare global {
  interface Window {
    createRuntime: typeof createRuntime
  }
}

const gibibyte = 2 ** 30

let server: TestServer
let browser: Browser
let page: Page
beforeAll(async () => {
  // No device is estimated to have so much for models.
  const folder = await copyDigits((manifest) => ({
    ...manifest,
    id: 'greedy',
    variants: manifest.variants.map((variant) => ({ ...variant, memory: 5 * gibibyte })),
  }))
  ;[server, browser] = await Promise.all([startServer({ SPILLWAY_MODELS: folder }), launchBrowser()])
  ;({ page } = await openBarePage(await browser.newContext(), server.url))
  await page.evaluate(
    `import('/embed.js').then(({ createRuntime }) => { window.createRuntime = createRuntime })`,
  )
})
afterAll(async () => {
  await Promise.all([browser?.close(), server?.stop()])
})

/** Runs a model on the device in a runtime of its own; resolves to the tier and memory, or to an error's code. */
const runWith = (model: string, options: object) =>
  page.evaluate(
    async ({ model, options }) => {
      const runtime = await window.createRuntime({ policy: 'device', ...options })
      try {
        const loaded = await runtime.model(model)
        const { placement } = await loaded.run({ image: new Float32Array(784) })
        return placement.tier
      } catch (cause) {
        return (cause as { code: string }).code
      } finally {
        runtime.close()
      }
    },
    { model, options },
  )

test('a page sets how much memory its models may take, up and down', async () => {
  expect(await runWith('digits', {})).toBe('device')
  expect(await runWith('digits', { memoryBytes: 1 })).toBe('capacity_insufficient')
  expect(await runWith('greedy', {})).toBe('capacity_insufficient')
  expect(await runWith('greedy', { memoryBytes: 6 * gibibyte })).toBe('device')
})

test.each([0, -1, 1.5, '1'])('%j is no memory', async (memoryBytes) => {
  await expect(runWith('digits', { memoryBytes })).rejects.toThrow('memoryBytes is out of range')
})
