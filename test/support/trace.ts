import type { Page } from 'playwright-core'

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** Microseconds: when it began, how long it took, and how much of that was the thread's own time. */
  readonly ts: number
  readonly dur?: number
  readonly tdur?: number
  readonly args: { readonly chrome_mojo_event_info?: { readonly mojo_interface_tag?: string } }
}

/** Each task that a thread ran, what it was sent for, and the marks that pages set. */
const categories = ['disabled-by-default-devtools.timeline', 'toplevel', 'blink.user_timing']

/** In a task of this kind the browser makes a worker's thread. No script runs in it, and now and then it takes 60 ms. */
const workerStart = 'blink.mojom.DedicatedWorkerHostFactoryClient'

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
  const events = trace.traceEvents.filter(({ pid, tid }) => pid === own?.pid && tid === own.tid)
  const starts = events.filter(({ args }) => args.chrome_mojo_event_info?.mojo_interface_tag === workerStart)
  return events
    .filter(({ name, ph }) => name === 'RunTask' && ph === 'X')
    .filter(({ ts: from, dur = 0 }) => !starts.some(({ ts }) => ts >= from && ts <= from + dur))
    .map(({ tdur = Number.POSITIVE_INFINITY }) => tdur / 1_000)
    .sort((one, other) => other - one)
}
