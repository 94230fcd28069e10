import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openBarePage } from '../support/page.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { useSite } from '../support/site.ts'

const site = useSite()

/** Generates a text on the device with the page's own runtime. */
const write = (page: Page) =>
  page.evaluate(async () => {
    const model = await window.spillway.model('bard')
    const request = { prompt: 'To be', temperature: 0, maxTokens: 40 }
    const { text, placement } = await model.generate(request, { policy: 'device' }).result
    return { text, explanation: placement.explanation }
  })

/** Opens the app's page in a browser that a script has changed before the page starts. */
async function openChanged(change: (value: number) => void, value = 0) {
  const context = await site.browser.newContext()
  onTestFinished(() => context.close())
  await context.addInitScript(change, value)
  return (await openBarePage(context, site.server.url)).page
}

const openWithCores = (count: number) =>
  openChanged((cores) => {
    Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => cores })
  }, count)

describe('the runtime in', () => {
  test('a browser with eight cores runs WebAssembly on four threads', async () => {
    const page = await openWithCores(8)
    const { digit, placement } = await runDigits(page, { policy: 'device' })
    expect(digit).toBe(1)
    expect(placement).toMatchObject({ tier: 'device', backend: 'wasm' })
    expect(placement.explanation).toContain('WebAssembly on 4 threads')
  })

  test('a browser with eight cores generates the same text on four threads as on one', async () => {
    const [many, one] = [await write(await openWithCores(8)), await write(await openWithCores(1))]
    expect(many.explanation).toContain('WebAssembly on 4 threads')
    expect(one.explanation).toContain('WebAssembly on one thread')
    expect(many.text).toBe(one.text)
  })

  test('a browser without WebAssembly is answered by the server', async () => {
    const page = await openChanged(() => {
      Reflect.deleteProperty(globalThis, 'WebAssembly')
    })
    // The first answers come before the capacity of the device is known.
    await expect
      .poll(() => runDigits(page))
      .toMatchObject({ digit: 1, placement: { tier: 'server', reason: 'device-without-simd' } })
    expect(await failDigits(page, { policy: 'device' })).toMatchObject({ code: 'capacity_insufficient' })
  })

  test('a call whose deadline is not a positive number of milliseconds is refused', async () => {
    const page = await openChanged(() => undefined)
    for (const deadlineMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(await failDigits(page, { deadlineMs })).toMatchObject({ code: 'input_value_invalid' })
    }
  })
})
