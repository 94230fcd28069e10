import type { BrowserContext, Page } from 'playwright-core'

declare global {
  /** The sum of the page's layout shifts. */
  var layoutShift: number | undefined
}

/** Records the layout shifts of all pages of a context, but those that follow a visitor's own act. */
export async function recordLayoutShift(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    globalThis.layoutShift = 0
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { value, hadRecentInput } = entry.toJSON() as { value: number; hadRecentInput: boolean }
        if (!hadRecentInput) globalThis.layoutShift = (globalThis.layoutShift ?? 0) + value
      }
    }).observe({ type: 'layout-shift', buffered: true })
  })
}

/** The sum of a page's layout shifts so far. */
export const shiftOf = (page: Page): Promise<number | undefined> =>
  page.evaluate(
    () =>
      new Promise<number | undefined>((resolve) =>
        // Entries come with a frame.
        requestAnimationFrame(() => setTimeout(() => resolve(globalThis.layoutShift))),
      ),
  )
