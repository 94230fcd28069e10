import type { Browser, Page } from 'playwright-core'
import { launchWholeBrowser, throttleAsDesktop } from '../support/page.ts'
import { startServer } from '../support/server.ts'
import { atMost, type Bench, type Comparison, median } from './bench-definition.ts'

/** Payments a second, sent one call each. */
const rates = { most: 30_000, usual: 5_000 }

const reach = { scored: 20_000, frames: 60, p99: 100, paintMs: 1_000 }

/** The first page, all of it on the device, at so many payments a second: what its figures show after a while. */
async function payments(browser: Browser, url: URL, rate: number, seconds: number) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(url.href)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('plug').click()
  await page.getByTestId('rate').evaluate(
    (input: HTMLInputElement, value) => {
      input.value = value
      input.dispatchEvent(new Event('input', { bubbles: true }))
    },
    String(Math.log10(rate)),
  )
  // The autoscaler finds its lanes, and V8 recompiles the runtime.
  await page.waitForTimeout(5_000)
  const before = await shown(page)
  const frames = await page.evaluate(async (seconds) => {
    let count = 0
    for (const until = performance.now() + 1_000 * seconds; performance.now() < until; count++)
      await new Promise((resolve) => requestAnimationFrame(resolve))
    return count / seconds
  }, seconds)
  const after = await shown(page)
  await page.close()
  return { scored: (after.scored - before.scored) / seconds, frames, lost: after.lost, p99: after.p99 }
}

const shown = (page: Page) =>
  page.getByTestId('figures').evaluate(({ dataset }) => ({
    scored: Number(dataset.scored),
    lost: Number(dataset.lost),
    p99: Number(dataset.p99),
  }))

/** Milliseconds until the largest part of the page is painted, by a browser that was never here, over 10 Mbit/s. */
async function largestPaint(browser: Browser, url: URL): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const page = await context.newPage()
  await throttleAsDesktop(page)
  await page.goto(url.href)
  const ms = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries().at(-1)?.startTime ?? 0)).observe({
          type: 'largest-contentful-paint',
          buffered: true,
        })
      }),
  )
  await context.close()
  return ms
}

export const site: Bench = {
  name: 'site',
  description:
    'the first page: payments scored a second on the device, one call each, lost ones and frames meanwhile; p99 at 5,000 a second; ms to the largest paint over 10 Mbit/s with 40 ms',
  run: async ({ isTrial }) => {
    const server = await startServer()
    const browser = await launchWholeBrowser()
    const seconds = isTrial ? 3 : 15
    const most = await payments(browser, server.url, rates.most, seconds)
    const usual = await payments(browser, server.url, rates.usual, seconds)
    const paints: number[] = []
    while (paints.length < 5) paints.push(await largestPaint(browser, server.url))
    await browser.close()
    await server.stop()
    const least = (metric: string, ours: number, theirs: number): Comparison => {
      const ratio = ours / theirs
      return { bench: 'site', metric, ours, theirs, ratio, reach: `≥ ${theirs}`, ok: ours >= theirs }
    }
    const lost = most.lost + usual.lost
    return [
      least('payments scored a second, of 30,000 asked for', most.scored, reach.scored),
      least('frames a second meanwhile', Math.round(most.frames), reach.frames),
      atMost('site', 'payments lost', { ours: lost, theirs: 0 }, 0),
      atMost('site', 'p99 at 5,000 payments a second, ms', { ours: usual.p99, theirs: reach.p99 }, reach.p99),
      atMost('site', 'largest paint, ms', { ours: median(paints), theirs: reach.paintMs }, reach.paintMs),
    ]
  },
}
