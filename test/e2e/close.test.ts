import '../../web/embed/window-global.ts'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

/** A page whose requests for such paths are never answered. */
async function openWithHanging(hanging: RegExp) {
  const { page, errors } = await openPage(visit.context, visit.hostUrl)
  await page.waitForFunction(() => 'spillway' in window)
  visit.proxy.fault = (_method, path) => (hanging.test(path) ? 'hang' : 'pass')
  const wasAsked = () => visit.proxy.seen.some(({ path }) => hanging.test(path))
  return { page, errors, wasAsked }
}

/** Closes the runtime. Resolves to the codes of the calls that the page has put into `codes`. */
const codesAfterClose = (page: Page) =>
  page.evaluate(() => {
    spillway.close()
    return Reflect.get(window, 'codes')
  })

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
    expect(await codesAfterClose(page)).toEqual(allClosed(3))
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
    expect(await codesAfterClose(page)).toEqual(allClosed(3))
    expect(errors).toEqual([])
  })
})
