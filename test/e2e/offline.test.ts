import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { siteRoutes } from '../../server/routes/site.ts'
import { listSiteFiles, revisionOf } from '../../web/build/site-files.ts'
import { accessibilityFaults } from '../support/accessibility.ts'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { listen } from '../support/listen.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'
import { storedKeys } from '../support/stored-keys.ts'
import { emptyFolder } from '../support/test-models.ts'

const site = useSite()
const visit = useVisit(site)

const built = fileURLToPath(new URL('../../dist/site', import.meta.url))

/** Waits until the browser has a page's model, its manifest and the site. */
async function isKept(page: Page, model: string, files: number): Promise<void> {
  await page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}))
  const hasManifest = (id: string) => caches.match(`./models/${id}/manifest.json`).then((found) => !!found)
  await expect.poll(() => page.evaluate(hasManifest, model)).toBe(true)
  const stored = async () => (await storedKeys(page)).filter((key) => key.startsWith('file:')).length
  await expect.poll(stored).toBe(files)
}

describe('the site without its server', () => {
  test('has every page after the first visit, and runs the models of those that were visited', async () => {
    await recordLayoutShifts(visit.context)
    const digits = new URL('vision.html', visit.proxy.url).href
    const { page, errors } = await openPage(visit.context, visit.proxy.url)
    // The runtime's WebAssembly is one of the files.
    await isKept(page, 'transactions', 2)
    await page.goto(digits)
    await isKept(page, 'digits', 3)
    await visit.proxy.stop()
    const session = await visit.context.newCDPSession(page)
    await session.send('Network.clearBrowserCache')

    await page.reload()
    await page.getByTestId('sample-7').click()
    await expect.poll(async () => (await page.getByTestId('result').textContent())?.trim()).toBe('7')
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    await page.getByText('Offline: everything runs on this device.').waitFor()
    expect(await accessibilityFaults(page)).toEqual([])
    expect(await shiftsOf(page)).toEqual([])

    await page.goto(visit.proxy.url.href)
    const figures = () =>
      page.getByTestId('figures').evaluate(({ dataset: { scored, lost } }) => ({
        isScored: Number(scored) > 100,
        lost: Number(lost),
      }))
    await expect.poll(figures).toEqual({ isScored: true, lost: 0 })

    const pages = (await listSiteFiles(built)).map(({ url }) => url).filter((url) => url.endsWith('.html'))
    const isAnswered = (url: string) => fetch(url).then(({ ok }) => ok)
    for (const url of pages) expect(await page.evaluate(isAnswered, `./${url}`)).toBe(true)
    // The guides, in a folder of their own, have no code.
    const withCode = pages.filter((url) => !url.includes('/'))
    expect(withCode.length).toBeGreaterThan(2)
    for (const url of withCode) {
      await page.goto(new URL(url, visit.proxy.url).href)
      await page.locator('main').waitFor()
    }
    expect(errors).toEqual([])
  })
})

describe('a new release of the site', () => {
  test('is what the next visit sees, and what is kept after it', async () => {
    const folder = await emptyFolder()
    await cp(built, folder, { recursive: true, filter: (path) => !/\.(?:wasm|br|gz)/.test(path) })
    const server = await listen(siteRoutes(folder))
    onTestFinished(() => server.close())
    const promise = async (page: Page) => page.getByRole('heading', { level: 2 }).first().textContent()

    const { page: first } = await openPage(visit.context, server.url)
    await first.evaluate(() => navigator.serviceWorker.ready.then(() => {}))
    expect(await promise(first)).toMatch(/^Every payment/)
    await first.close()

    const change = async (name: string, from: string, to: string) => {
      const text = await readFile(join(folder, name), 'utf8')
      expect(text).toContain(from)
      await writeFile(join(folder, name), text.replace(from, to))
      return revisionOf(Buffer.from(text))
    }
    const former = await change('index.html', 'Every payment', 'Each payment')
    await change('service-worker.js', former, revisionOf(await readFile(join(folder, 'index.html'))))
    const { page: second } = await openPage(visit.context, server.url)
    expect(await promise(second)).toMatch(/^Each payment/)
    const isWaiting = () =>
      second.evaluate(async () => !!(await navigator.serviceWorker.getRegistration())?.waiting)
    await expect.poll(isWaiting).toBe(true)
    await second.close()

    server.close()
    const keptPromise = async () => {
      const { page } = await openPage(visit.context, server.url)
      const words = await promise(page)
      await page.close()
      return words
    }
    await expect.poll(keptPromise).toMatch(/^Each payment/)
  })
})
