import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { browserFlags, findBrowser, hardwareFlags } from './find-browser.ts'

declare global {
  interface Window {
    /** Durations of tasks over 50 ms on the page's thread, since the page began. */
    longTasks: number[]
  }
}

export const launchBrowser = (flags: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath: findBrowser(), args: [...browserFlags, ...flags] })

/** With the machine's own GPU, where it has one. */
export const launchHardware = (): Promise<Browser> =>
  chromium.launch({ executablePath: findBrowser(), args: [...hardwareFlags] })

/** A page that keeps what goes wrong on it and how long its thread was held. */
export async function openPage(context: BrowserContext, url: URL): Promise<{ page: Page; errors: string[] }> {
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.addInitScript(() => {
    window.longTasks = []
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.longTasks.push(entry.duration)
    }).observe({ type: 'longtask', buffered: true })
  })
  await page.goto(url.href)
  return { page, errors }
}
