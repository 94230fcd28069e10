import type { Page } from 'playwright-core'

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** Microseconds of the thread's own time. */
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** Of the browser's events those that tell one thread from another, and each task that a thread ran. */
const categories = ['__metadata', 'disabled-by-default-devtools.timeline']

/**
 * What the longest tasks on the page's thread cost it while `work` ran, in milliseconds of the thread's own time, the
 * longest first: however busy the machine is, what other threads took is not in them.
 */
export async function longestTasks(page: Page, work: () => Promise<void>): Promise<number[]> {
  const browser = page.context().browser()
  if (!browser) throw new Error('The page has no browser to trace')
  await browser.startTracing(page, { categories })
  await work()
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[]
  }
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid}/${tid}`
  const threads = new Set(traceEvents.filter(({ args }) => args?.name === 'CrRendererMain').map(threadOf))
  return traceEvents
    .filter((event) => event.name === 'RunTask' && event.ph === 'X' && threads.has(threadOf(event)))
    .map(({ tdur = Number.POSITIVE_INFINITY }) => tdur / 1_000)
    .sort((one, other) => other - one)
}
