import type { Page } from 'playwright-core'

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** In microseconds: the start, the duration, and the thread's own CPU time. */
  readonly ts: number
  readonly dur?: number
  readonly tdur?: number
  readonly args: { readonly chrome_mojo_event_info?: { readonly mojo_interface_tag?: string } }
}

/** A thread's tasks, the messages that caused them, and the marks that pages set. */
const categories = ['disabled-by-default-devtools.timeline', 'toplevel', 'blink.user_timing']

/** The browser starts a worker's thread in such a task. No script runs in it, and sometimes it takes 60 ms. */
const workerStart = 'blink.mojom.DedicatedWorkerHostFactoryClient'

/** A mark set on the page, which identifies the page's own thread. */
const mark = 'the page’s thread'

/**
 * The CPU time of each task on the page's thread while `work` ran, in milliseconds, the longest first. CPU time does not
 * depend on how busy the machine is.
 */
export async function longestTasks(page: Page, work: () => Promise<void>): Promise<number[]> {
  const browser = page.context().browser()
  if (!browser) throw new Error('The page has no browser to trace')
  await browser.startTracing(page, { categories })
  let written: Buffer
  try {
    await work()
    await page.evaluate((name) => performance.mark(name), mark)
  } finally {
    written = await browser.stopTracing()
  }
  const trace: { traceEvents: TraceEvent[] } = JSON.parse(written.toString())
  const own = trace.traceEvents.find(({ name }) => name === mark)
  const events = trace.traceEvents.filter(({ pid, tid }) => pid === own?.pid && tid === own.tid)
  const starts = events.filter(({ args }) => args.chrome_mojo_event_info?.mojo_interface_tag === workerStart)
  return (
    events
      .filter(({ name, ph }) => name === 'RunTask' && ph === 'X')
      .filter(({ ts: from, dur = 0 }) => !starts.some(({ ts }) => ts >= from && ts <= from + dur))
      // Now and then an event lacks its CPU time, which is no longer than it took.
      .map(({ dur = Number.POSITIVE_INFINITY, tdur = dur }) => tdur / 1_000)
      .sort((one, other) => other - one)
  )
}
