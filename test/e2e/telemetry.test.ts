import '../../web/embed/window-global.ts'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { startHostPage } from '../support/host-page.ts'
import { launchBrowser, openPage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let browser: Browser
let proxy: FaultProxy
let host: Awaited<ReturnType<typeof startHostPage>>
let context: BrowserContext

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launchBrowser()])
})
afterAll(async () => {
  await browser.close()
  await server.stop()
})
beforeEach(async () => {
  proxy = await startFaultProxy(server.url)
  host = await startHostPage(new URL('embed.js', proxy.url))
  context = await browser.newContext()
})
afterEach(async () => {
  await context.close()
  await host.stop()
  await proxy.stop()
})

const reports = () => proxy.seen.filter(({ path }) => path === '/telemetry')

/** Runs a model on the device in a runtime of its own, and hides the page. */
async function runAndHide(page: Page, telemetry: boolean) {
  const script = new URL('embed.js', proxy.url).href
  // As text: a test's own imports are compiled for Node.
  await page.evaluate(`import('${script}').then(({ createRuntime }) => { window.create = createRuntime })`)
  await page.evaluate(async (telemetry) => {
    const runtime = await window.create({ policy: 'device', telemetry })
    const digits = await runtime.model('digits')
    for (let run = 0; run < 3; run++) await digits.run({ image: new Float32Array(784) })
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' })
    document.dispatchEvent(new Event('visibilitychange'))
  }, telemetry)
}

describe('a page of another origin', () => {
  test('that has opted in reports its runs when it is hidden', async () => {
    const { page, errors } = await openPage(context, host.url)
    await runAndHide(page, true)
    await expect.poll(reports).toHaveLength(1)
    // Plain text: no preflight goes ahead.
    expect(reports()[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
    })
    const metrics = async () => (await fetch(new URL('metrics', server.url))).text()
    await expect
      .poll(metrics)
      .toMatch(/^spillway_page_requests_total\{model="digits",tier="device",reason="policy"\} 3$/m)
    expect(errors).toEqual([])
  })

  test('that has not opted in reports nothing', async () => {
    const { page } = await openPage(context, host.url)
    await runAndHide(page, false)
    await page.waitForTimeout(500)
    expect(reports()).toEqual([])
  })

  test('that traces its calls finds them in the log of the server, runs and texts', async () => {
    const { page, errors } = await openPage(context, host.url)
    const script = new URL('embed.js', proxy.url).href
    await page.evaluate(`import('${script}').then(({ createRuntime }) => { window.create = createRuntime })`)
    await page.evaluate(async () => {
      const traceparent = () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      const runtime = await window.create({ policy: 'server', traceparent })
      await (await runtime.model('digits')).run({ image: new Float32Array(784) })
      await (await runtime.model('bard')).generate({ prompt: 'Once', maxTokens: 3 }).result
    })
    const traced = () =>
      server.log
        .filter(({ traceId }) => traceId === '0af7651916cd43dd8448eb211c80319c')
        // Whether the server takes binary tensors is asked at some time, in the same trace.
        .filter(({ path }) => path !== '/v2')
        .map(({ path }) => path)
    await expect.poll(traced).toEqual([expect.stringMatching(/digits\/.*infer$/), '/v1/completions'])
    expect(errors).toEqual([])
  })
})
