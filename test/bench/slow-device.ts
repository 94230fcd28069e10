import type { Page } from 'playwright-core'
import { renderersOf } from './renderers.ts'

/** Milliseconds between two stops. */
const periodMs = 10

/**
 * Stops the page's processes for a part of the time, as on a slower device. The DevTools protocol could slow down the
 * page's own thread only, not its workers.
 *
 * @param share The share of the time in which the processes run.
 * @returns A function that restores full speed.
 */
export async function slowDown(page: Page, share: number): Promise<() => void> {
  const renderers = await renderersOf(page)
  const signalAll = (signal: NodeJS.Signals) => {
    for (const id of renderers) {
      try {
        process.kill(id, signal)
      } catch {
        // The process has ended.
      }
    }
  }
  let timer: NodeJS.Timeout
  const run = () => {
    signalAll('SIGCONT')
    timer = setTimeout(stop, periodMs * share)
  }
  const stop = () => {
    signalAll('SIGSTOP')
    timer = setTimeout(run, periodMs * (1 - share))
  }
  run()
  return () => {
    clearTimeout(timer)
    signalAll('SIGCONT')
  }
}
