import '../../web/embed/window-global.ts'
import type { Browser, BrowserContext } from 'playwright-core'
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

/** A page whose requests for such paths are never answered. */
async function openWithHanging(hanging: RegExp) {
  const { page, errors } = await openPage(context, host.url)
  await page.waitForFunction(() => 'spillway' in window)
  proxy.fault = (_method, path) => (hanging.test(path) ? 'hang' : 'pass')
  const wasAsked = () => proxy.seen.some(({ path }) => hanging.test(path))
  return { page, errors, wasAsked }
}

const allClosed = (calls: number) => Array.from({ length: calls }, () => 'closed')

describe('close() ends every call that waits', () => {
  test('for a manifest, and those that come later', async () => {
    const { page, errors, wasAsked } = await openWithHanging(/manifest|catalogue/)
    await page.evaluate(() => {
      const code = (call: Promise<unknown>) => call.then(String, (cause) => cause.code)
      const calls = [spillway.model('digits'), spillway.catalogue()]
      Object.assign(window, { codes: Promise.all(calls.map(code)) })
    })
    await expect.poll(wasAsked).toBe(true)
    const codes = await page.evaluate(async () => {
      spillway.close()
      const later = await spillway.model('digits').catch((cause) => cause.code)
      return [...(await Reflect.get(window, 'codes')), later]
    })
    expect(codes).toEqual(allClosed(3))
    expect(errors).toEqual([])
  })

  test.each([
    ['a file of the model', /\.onnx/],
    ['the runtime', /\.wasm/],
  ])('for %s', async (_, hanging) => {
    const { page, errors, wasAsked } = await openWithHanging(hanging)
    await page.evaluate(async () => {
      const code = (call: Promise<unknown>) => call.then(String, (cause) => cause.code)
      spillway.policy = 'server'
      const model = await spillway.model('digits')
      spillway.policy = 'device'
      const image = new Float32Array(784)
      const calls = [spillway.model('digits'), model.load(), model.run({ image })]
      Object.assign(window, { codes: Promise.all(calls.map(code)) })
    })
    await expect.poll(wasAsked).toBe(true)
    const codes = await page.evaluate(() => {
      spillway.close()
      return Reflect.get(window, 'codes')
    })
    expect(codes).toEqual(allClosed(3))
    expect(errors).toEqual([])
  })

  test('for texts and embeddings whose code or files are on their way', async () => {
    const { page, errors, wasAsked } = await openWithHanging(/text-service/)
    await page.evaluate(async () => {
      const code = (call: Promise<unknown>) => call.then(String, (cause) => cause.code)
      const bard = await spillway.model('bard')
      const stream = bard.generate({ prompt: 'Once' })
      const read = async () => {
        for await (const _ of stream);
      }
      const calls = [stream.result, read(), bard.embed('a fox')]
      Object.assign(window, { codes: Promise.all(calls.map(code)) })
    })
    await expect.poll(wasAsked).toBe(true)
    const codes = await page.evaluate(() => {
      spillway.close()
      return Reflect.get(window, 'codes')
    })
    expect(codes).toEqual(allClosed(3))
    expect(errors).toEqual([])
  })
})
