import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../support/page.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let browser: Browser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launchBrowser()])
})
afterAll(async () => {
  await browser.close()
  await server.stop()
})

/** The app's page in a browser that differs in what the script changes before the page begins. */
async function openChanged(change: () => void) {
  const context = await browser.newContext()
  await context.addInitScript(change)
  return (await openPage(context, server.url)).page
}

describe('the runtime in', () => {
  test('a browser with eight cores runs WebAssembly on four threads', async () => {
    const page = await openChanged(() => {
      Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => 8 })
    })
    const { digit, placement } = await runDigits(page, { policy: 'device' })
    expect(digit).toBe(1)
    expect(placement).toMatchObject({ tier: 'device', backend: 'wasm' })
    expect(placement.because).toContain('WebAssembly on 4 threads')
  })

  test('a browser whose adapter does not call itself software runs on WebGPU', async () => {
    const page = await openChanged(() => {
      const info = GPUAdapterInfo.prototype
      Object.defineProperty(info, 'isFallbackAdapter', { get: () => false })
      for (const name of ['architecture', 'description']) Object.defineProperty(info, name, { get: () => '' })
    })
    const { digit, placement } = await runDigits(page, { policy: 'device' })
    expect(digit).toBe(1)
    expect(placement).toMatchObject({ tier: 'device', backend: 'webgpu', reason: 'policy' })
  })

  test('a browser without WebAssembly is answered by the server', async () => {
    const page = await openChanged(() => {
      Reflect.deleteProperty(globalThis, 'WebAssembly')
    })
    // The first answers come before the device has told what it can do.
    await expect
      .poll(() => runDigits(page))
      .toMatchObject({ digit: 1, placement: { tier: 'server', reason: 'device-without-simd' } })
    expect(await failDigits(page, { policy: 'device' })).toMatchObject({ code: 'capacity_insufficient' })
  })

  test('a call with a deadline that is no time says so, and one that is short is kept', async () => {
    const page = await openChanged(() => undefined)
    for (const deadlineMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(await failDigits(page, { deadlineMs })).toMatchObject({ code: 'input_value_invalid' })
    }
  })
})
