import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { browserFlags, findBrowser, hardwareFlags } from './find-browser.ts'

export const launchBrowser = (flags: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath: findBrowser(), args: [...browserFlags, ...flags] })

/** With the machine's own GPU, where it has one. */
export const launchHardware = (): Promise<Browser> =>
  chromium.launch({ executablePath: findBrowser(), args: [...hardwareFlags] })

/** A browser that keeps what its pages store in a folder, as a visitor's does; other contexts keep it in memory. */
export const launchProfile = (folder: string): Promise<BrowserContext> =>
  chromium.launchPersistentContext(folder, { executablePath: findBrowser(), args: [...browserFlags] })

/** A page that keeps what goes wrong on it. */
export async function openPage(context: BrowserContext, url: URL): Promise<{ page: Page; errors: string[] }> {
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(url.href)
  return { page, errors }
}

/**
 * Slows down what a page downloads.
 *
 * @param perSecond Bytes.
 * @returns Gives the page its speed back.
 */
export async function throttle(page: Page, perSecond: number): Promise<() => Promise<void>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: perSecond,
    uploadThroughput: -1,
  })
  return () => session.detach()
}
