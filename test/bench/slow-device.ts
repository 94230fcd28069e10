import type { Page } from 'playwright-core'
import { renderersOf } from './renderers.ts'

/** Milliseconds between two stops. */
const periodMs = 10

/**
 * Lets the page's processes run for a part of the time only, as on a device that is so much slower. The DevTools
 * protocol slows down a page's own thread, and not its workers.
 *
 * @param share Of the time, in which they run.
 * @returns What ends it.
 */
export async function slowDown(page: Page, share: number): Promise<() => void> {
  const renderers = await renderersOf(page)
  const tell = (signal: NodeJS.Signals) => {
    for (const id of renderers) {
      try {
        process.kill(id, signal)
      } catch {
        // It has ended.
      }
    }
  }
  let timer: NodeJS.Timeout
  const run = () => {
    tell('SIGCONT')
    timer = setTimeout(stop, periodMs * share)
  }
  const stop = () => {
    tell('SIGSTOP')
    timer = setTimeout(run, periodMs * (1 - share))
  }
  run()
  return () => {
    clearTimeout(timer)
    tell('SIGCONT')
  }
}
