import '../../web/embed/window-global.ts'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { openPage } from '../support/page.ts'
import { seriesValue } from '../support/series-value.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

const reports = () => visit.proxy.seen.filter(({ path }) => path === '/telemetry')

/** Runs of `digits` on devices that pages have reported to the server. */
async function reportedRuns(): Promise<number> {
  const text = await (await fetch(new URL('metrics', site.server.url))).text()
  const runs = seriesValue(text, 'spillway_page_requests_total{model="digits",tier="device",reason="policy"}')
  // It is absent until a page has reported one.
  return Number.isNaN(runs) ? 0 : runs
}

/** Runs a model on the device in a runtime of its own, and hides the page. */
async function runAndHide(page: Page, telemetry: boolean) {
  const script = new URL('embed.js', visit.proxy.url).href
  // As text: a test's own imports are compiled for Node.
  await page.evaluate(`import('${script}').then(({ createRuntime }) => { window.create = createRuntime })`)
  await page.evaluate(async (telemetry) => {
    const runtime = await window.create({ policy: 'device', telemetry })
    const digits = await runtime.model('digits')
    for (let run = 0; run < 3; run++) await digits.run({ image: new Float32Array(784) })
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, telemetry)
}

describe('a page of another origin', () => {
  test('that has opted in reports its runs when it is hidden', async () => {
    const { page, errors } = await openPage(visit.context, visit.hostUrl)
    const before = await reportedRuns()
    await runAndHide(page, true)
    await expect.poll(reports).toHaveLength(1)
    // Plain text: no preflight goes ahead.
    expect(reports()[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
    })
    await expect.poll(reportedRuns).toBe(before + 3)
    expect(errors).toEqual([])
  })

  test('that has not opted in reports nothing', async () => {
    const { page } = await openPage(visit.context, visit.hostUrl)
    const before = await reportedRuns()
    await runAndHide(page, false)
    // The report of a runtime that has opted in comes later, and has its own runs only.
    await runAndHide(page, true)
    await expect.poll(reportedRuns).toBe(before + 3)
    expect(reports()).toHaveLength(1)
  })

  test('that traces its calls finds them in the log of the server, runs and texts', async () => {
    const { page, errors } = await openPage(visit.context, visit.hostUrl)
    const script = new URL('embed.js', visit.proxy.url).href
    await page.evaluate(`import('${script}').then(({ createRuntime }) => { window.create = createRuntime })`)
    await page.evaluate(async () => {
      const traceparent = () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      const runtime = await window.create({ policy: 'server', traceparent })
      await (await runtime.model('digits')).run({ image: new Float32Array(784) })
      await (await runtime.model('bard')).generate({ prompt: 'Once', maxTokens: 3 }).result
    })
    const traced = () =>
      site.server.log
        .filter(({ traceId }) => traceId === '0af7651916cd43dd8448eb211c80319c')
        // Whether the server takes binary tensors is asked at some time, in the same trace.
        .filter(({ path }) => path !== '/v2')
        .map(({ path }) => path)
    await expect.poll(traced).toEqual([expect.stringMatching(/digits\/.*infer$/), '/v1/completions'])
    expect(errors).toEqual([])
  })
})
