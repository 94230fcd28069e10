import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { accessibilityFaults } from '../support/accessibility.ts'
import { layoutFaults, texts } from '../support/layout.ts'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

async function openLab(): Promise<{ page: Page; errors: string[] }> {
  await recordLayoutShifts(visit.context)
  const opened = await openPage(visit.context, new URL('lab.html', visit.proxy.url))
  await opened.page.getByTestId('progress').and(opened.page.locator('[data-state="ready"]')).waitFor()
  return opened
}

const figures = (page: Page) =>
  page.getByTestId('figures').evaluate(({ dataset }) => ({
    answered: Number(dataset.answered ?? 0),
    lost: Number(dataset.lost ?? 0),
    p50: Number(dataset.p50 ?? 0),
  }))

/** Waits until so many more calls are answered. */
async function answeredMore(page: Page, more: number): Promise<void> {
  const { answered } = await figures(page)
  await expect.poll(async () => (await figures(page)).answered).toBeGreaterThan(answered + more)
}

const seenOf = (page: Page, fault: string) =>
  page.locator(`[data-fault="${fault}"] [data-part="seen"]`).textContent()

const choosePolicy = (page: Page, policy: string) => page.getByTestId('policy').selectOption(policy)

describe('the lab', () => {
  test('loads the runtime, kills a lane in the middle of it, and says that no call was lost', async () => {
    const { page, errors } = await openLab()
    await choosePolicy(page, 'device')
    // A recorded load is played, and said to be recorded, until there is one of the visitor's own.
    await expect.poll(() => page.locator('[data-chart=throughput] dd').first().textContent()).toMatch(/[1-9]/)
    expect(await page.getByTestId('charts-what').textContent()).toMatch(/^Recorded/)
    await page.getByTestId('start').click()
    expect(await page.getByTestId('charts-what').textContent()).toBe('The last minute of your load.')
    await page.locator('[data-testid=figures][data-p99]').waitFor()
    await answeredMore(page, 100)
    await page.getByTestId('fault-lane').click()
    await expect
      .poll(() => seenOf(page, 'lane'))
      .toMatch(/^wasm-\d+ ended with \d+ calls? open: 0 lost\. All was well/)
    await answeredMore(page, 100)
    expect((await figures(page)).lost).toBe(0)
    expect(await page.getByTestId('failure').textContent()).toBe('No call has failed.')
    await expect
      .poll(() => page.getByTestId('lanes').textContent())
      .toMatch(/wasm-\d+ \w+, \d threads?, 1 restart,/)
    expect(await page.getByTestId('placements').textContent()).toContain('On this device, WebAssembly, fp32')
    await page.getByTestId('start').click()
    expect(await shiftsOf(page)).toEqual([])
    expect(errors).toEqual([])
  })

  test('cuts the server off and slows the link down, and counts what fails meanwhile', async () => {
    const { page } = await openLab()
    await choosePolicy(page, 'server')
    await page.getByTestId('subject-digits').check()
    await page.getByTestId('fault-link').click()
    await page.getByTestId('start').click()
    await expect.poll(async () => (await figures(page)).p50).toBeGreaterThan(400)
    await page.getByTestId('fault-link').click()
    expect(await seenOf(page, 'link')).toMatch(/^[\d,]+ answered since, 0% of them here\. 0 lost\.$/)
    await page.getByTestId('fault-server').click()
    await expect.poll(async () => (await figures(page)).lost).toBeGreaterThan(0)
    expect(await page.getByTestId('failure').textContent()).toContain('(server_unreachable)')
    await expect.poll(() => seenOf(page, 'server')).toMatch(/[1-9][\d,]* lost\.$/)
    await choosePolicy(page, 'device')
    await answeredMore(page, 50)
    await page.getByTestId('fault-server').click()
    await choosePolicy(page, 'server')
    await answeredMore(page, 50)
  })

  test('shows what was measured and stored, removes a model, and copies it all as a report', async () => {
    const { page } = await openLab()
    await choosePolicy(page, 'device')
    await page.getByTestId('start').click()
    await answeredMore(page, 100)
    await page.getByTestId('fault-lane').click()
    await expect.poll(() => seenOf(page, 'lane')).toContain('0 lost. All was well')
    await page.getByTestId('start').click()
    const measured = async () => {
      await page.getByTestId('measure').click()
      return page.getByTestId('measured').textContent()
    }
    await expect.poll(measured).toMatch(/transactions, wasm\/fp32 .*\d+ rows? in [\d.]+ ms/)

    // Chromium refuses what is not among those that are granted.
    await visit.context.grantPermissions(['geolocation'], { origin: visit.proxy.url.origin })
    await page.getByTestId('copy').click()
    const field = page.getByTestId('report-text')
    await field.waitFor()
    const report = await field.inputValue()
    expect(report).toContain('# Spillway in the lab\n')
    expect(report).toMatch(/## Load\n\n- `transactions`, \d+ callers, policy `device`\n/)
    expect(report).toMatch(
      /## Faults\n\n(?:- .*\n)*- Kill a lane: wasm-\d+ ended with \d+ calls? open: 0 lost\./,
    )
    expect(report).toMatch(/\*\*transactions\*\*: fp32, [\d.]+ kB/)
    expect(await field.evaluate((text: HTMLTextAreaElement) => text.selectionEnd)).toBe(report.length)

    await page.getByTestId('stored').getByRole('button', { name: 'Remove transactions' }).click()
    await expect.poll(() => page.getByTestId('stored').textContent()).toBe('Nothing is stored.')
    expect(await page.getByTestId('announcements').textContent()).toMatch(
      /^transactions removed, [\d.]+ kB freed$/,
    )
    expect(await page.evaluate(() => window.spillway.storage.list())).toEqual([])
  })

  test('fits small and large windows, and has no accessibility violation at rest and under load', async () => {
    const { page } = await openLab()
    const fits = async (width: number) => {
      await page.setViewportSize({ width, height: 800 })
      expect(await layoutFaults(page)).toEqual([])
      expect(await accessibilityFaults(page)).toEqual([])
    }
    await fits(1280)
    await page.getByTestId('start').click()
    await answeredMore(page, 50)
    await page.getByTestId('fault-lane').click()
    await expect.poll(() => seenOf(page, 'lane')).toContain('lost')
    await fits(320)
    await page.addStyleTag({ content: texts['twice as large'] })
    expect(await layoutFaults(page)).toEqual([])
  })
})
