import type { Page } from 'playwright-core'

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** Microseconds of the thread's own time. */
  readonly tdur?: number
}

/** Each task that a thread ran, and the marks that pages set. */
const categories = ['disabled-by-default-devtools.timeline', 'blink.user_timing']

/** Set on the page: which of the browser's threads is the page's own. */
const mark = 'the page’s thread'

/**
 * What tasks on the page's thread cost it while `work` ran, in milliseconds of the thread's own time, the longest first:
 * however busy the machine is, what other threads took is not in them.
 */
export async function longestTasks(page: Page, work: () => Promise<void>): Promise<number[]> {
  const browser = page.context().browser()
  if (!browser) throw new Error('The page has no browser to trace')
  await browser.startTracing(page, { categories })
  await work()
  await page.evaluate((name) => performance.mark(name), mark)
  const trace: { traceEvents: TraceEvent[] } = JSON.parse((await browser.stopTracing()).toString())
  const own = trace.traceEvents.find(({ name }) => name === mark)
  return trace.traceEvents
    .filter(
      ({ name, ph, pid, tid }) => name === 'RunTask' && ph === 'X' && pid === own?.pid && tid === own.tid,
    )
    .map(({ tdur = Number.POSITIVE_INFINITY }) => tdur / 1_000)
    .sort((one, other) => other - one)
}
