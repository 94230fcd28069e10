import type { BrowserContext, Page } from 'playwright-core'

declare global {
  /** The page's layout shifts so far: how much moved, and what. */
  var layoutShifts: string[] | undefined
}

/** Records the layout shifts of all pages of a context, but those that follow a visitor's own act. */
export async function recordLayoutShifts(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    globalThis.layoutShifts = []
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as LayoutShift[]) {
        if (entry.hadRecentInput) continue
        const moved = entry.sources.map(({ node, previousRect: from, currentRect: to }) => {
          const what = node instanceof Element ? node.outerHTML : node?.textContent
          return `${what?.slice(0, 120)}: ${from.x},${from.y} to ${to.x},${to.y}`
        })
        globalThis.layoutShifts?.push(`${entry.value.toFixed(4)} of ${moved.join('; ')}`)
      }
    }).observe({ type: 'layout-shift', buffered: true })
  })
}

/** A page's layout shifts so far. */
export const shiftsOf = (page: Page): Promise<string[] | undefined> =>
  page.evaluate(
    () =>
      new Promise<string[] | undefined>((resolve) =>
        // Entries come with a frame.
        requestAnimationFrame(() => setTimeout(() => resolve(globalThis.layoutShifts))),
      ),
  )

/** As the browser reports it. */
interface LayoutShift extends PerformanceEntry {
  readonly value: number
  readonly hadRecentInput: boolean
  readonly sources: readonly {
    readonly node: Node | null
    readonly previousRect: DOMRectReadOnly
    readonly currentRect: DOMRectReadOnly
  }[]
}
