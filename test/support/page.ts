import { type Browser, type BrowserContext, chromium, type Frame, type Page } from 'playwright-core'
import { browserFlags, findBrowser, findWholeBrowser, hardwareFlags } from './find-browser.ts'

/** Playwright waits for 30 s: on a busy machine a page may take longer. */
const longestWaitMs = 60_000

export async function launchBrowser(flags: readonly string[] = []): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: findBrowser(), args: [...browserFlags, ...flags] })
  const newContext = browser.newContext.bind(browser)
  browser.newContext = async (options) => {
    const context = await newContext(options)
    context.setDefaultTimeout(longestWaitMs)
    return context
  }
  return browser
}

/** Launches a browser with all that visitors have, for figures. */
export const launchWholeBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: findWholeBrowser(), args: [...browserFlags] })

/** Launches a browser that uses the machine's own GPU. */
export const launchHardware = (): Promise<Browser> =>
  chromium.launch({ executablePath: findWholeBrowser(), args: [...hardwareFlags] })

/** Launches a browser with a profile on disk, like a visitor's; other contexts store in memory. */
export const launchProfile = (folder: string): Promise<BrowserContext> =>
  chromium.launchPersistentContext(folder, { executablePath: findBrowser(), args: [...browserFlags] })

/** Opens a page and collects its uncaught errors. */
export async function openPage(context: BrowserContext, url: URL): Promise<{ page: Page; errors: string[] }> {
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(url.href)
  return { page, errors }
}

/**
 * Opens a page of the site's origin with the runtime and nothing else: none of the site's pages loads a model of its own
 * beside the test's.
 */
export async function openBarePage(
  context: BrowserContext,
  server: URL,
): Promise<{ page: Page; errors: string[] }> {
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  const url = new URL('bare.html', server).href
  await page.route(url, (route) =>
    route.fulfill({
      contentType: 'text/html',
      headers: {
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      },
      body: '<!doctype html><html lang="en"><title>Bare</title><script type="module" src="/embed.js"></script>',
    }),
  )
  await page.goto(url)
  await runtimeReady(page)
  return { page, errors }
}

/** Waits for the page's runtime. Not frame by frame, as is Playwright's default: a page may go without frames for long. */
export async function runtimeReady(page: Page | Frame): Promise<void> {
  await page.waitForFunction(() => 'spillway' in window, undefined, { polling: 50, timeout: longestWaitMs })
}

/** A line of 10 Mbit/s with 40 ms: the profile by which Lighthouse measures desktops. */
export async function throttleAsDesktop(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 40,
    downloadThroughput: 10_000_000 / 8,
    uploadThroughput: 10_000_000 / 8,
  })
}

/**
 * Limits a page's download speed.
 *
 * @param perSecond Bytes per second.
 * @returns A function that removes the limit.
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
