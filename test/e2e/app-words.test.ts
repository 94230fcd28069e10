import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'
import { runtimeStored } from '../support/stored-keys.ts'

declare global {
  /** What the progress panel of the app has said, in order. */
  var saidByProgress: string[] | undefined
}

const site = useSite()
const visit = useVisit(site)

const open = async (path = 'vision.html') =>
  (await openPage(visit.context, new URL(path, site.server.url))).page
const progress = (page: Page) => page.getByTestId('progress')
const isReady = (page: Page) => progress(page).and(page.locator('[data-state="ready"]')).waitFor()
const device = (page: Page) => page.locator('#capacity').textContent()

/** Records what the progress panel says from the start of each page. */
const recordProgress = () =>
  visit.context.addInitScript(() => {
    const said: string[] = []
    globalThis.saidByProgress = said
    addEventListener('DOMContentLoaded', () => {
      const text = document.querySelector('#progress [data-part="text"]')
      if (!text) return
      new MutationObserver(() => said.push(text.textContent ?? '')).observe(text, { childList: true })
    })
  })

describe('the app does not say', () => {
  test('"Downloading" where the model comes from storage', async () => {
    await recordProgress()
    const page = await open()
    await isReady(page)
    await runtimeStored(page)
    await page.reload()
    await isReady(page)
    const said = await page.evaluate(() => globalThis.saidByProgress)
    expect(said?.at(-1)).toContain('from storage')
    expect(said?.join('\n')).not.toContain('Downloading')
  })

  test('"No storage" where the browser reports none, nor "used" before anything is stored', async () => {
    const page = await open()
    await expect.poll(() => device(page)).toContain('for this site')
    expect(await device(page)).not.toContain('0 bytes')
    await visit.context.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'storage', { get: () => undefined })
    })
    await page.reload()
    await expect.poll(() => device(page)).toContain('Storage not reported')
  })

  test('that there is room where site data is blocked, whatever the browser estimates', async () => {
    // As Firefox does it: the database is refused, and the estimate has gigabytes.
    await visit.context.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('The operation is insecure.', 'SecurityError')
      }
      StorageManager.prototype.estimate = async () => ({ quota: 10 * 2 ** 30, usage: 0 })
    })
    const page = await open()
    await expect.poll(() => device(page)).toContain('Nothing can be stored')
    expect(await device(page)).not.toMatch(/free|up to/)
  })

  test('what the author of a page should do, where the device cannot run the model', async () => {
    await visit.context.addInitScript(() => {
      Reflect.deleteProperty(globalThis, 'WebAssembly')
    })
    const page = await open()
    await page.getByTestId('policy-device').check({ force: true })
    await page.locator('#samples button').first().click()
    const error = page.getByTestId('error')
    await error.waitFor()
    // What is seen: the detail for developers is folded.
    expect(await error.innerText()).toContain('Choose Auto or Server')
    expect(await error.innerText()).not.toMatch(/runtime|policy "/)
    await error.getByText('For developers').click()
    expect(await error.innerText()).toMatch(/runtime|policy "/)
  })

  test('that there are threads where there is no shared memory', async () => {
    await visit.context.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => 8 })
      Reflect.deleteProperty(globalThis, 'SharedArrayBuffer')
    })
    const page = await open()
    await expect.poll(() => device(page)).toContain('WebAssembly, 1 thread')
  })

  test('that the device is at fault where the server has no manifest', async () => {
    await visit.context.route('**/models/digits/manifest.json', (route) => route.fulfill({ status: 500 }))
    const page = await open()
    await expect.poll(() => progress(page).textContent()).toContain('The model was not found')
  })

  test('"Not available on this device" where the server lacks the file', async () => {
    await visit.context.route('**/models/digits/q8/**', (route) => route.fulfill({ status: 404 }))
    await visit.context.route('**/models/digits/fp16/**', (route) => route.fulfill({ status: 404 }))
    await visit.context.route('**/models/digits/fp32/**', (route) => route.fulfill({ status: 404 }))
    const page = await open()
    await expect.poll(() => progress(page).textContent()).toContain('The model could not be downloaded')
    await page.getByTestId('policy-device').check({ force: true })
    await page.getByTestId('sample-2').click()
    const error = page.getByTestId('error')
    await error.waitFor()
    expect(await error.textContent()).toContain('The server does not have this model. file_missing')
  })

  test('how many stories shared a step on the server, which does not tell', async () => {
    const page = await open('chat.html')
    await page.getByTestId('policy-server').check({ force: true })
    await page.getByTestId('count-2').check({ force: true })
    await page.getByTestId('tell').click()
    for (const story of [0, 1])
      await page.getByTestId(`story-${story}`).and(page.locator('[data-state="ended"]')).waitFor()
    expect(await page.getByTestId('figures').locator('[data-part="rate"]').textContent()).not.toBe('–')
    expect(await page.getByTestId('figures').locator('[data-part="shared"]').textContent()).toBe('–')
  })
})
