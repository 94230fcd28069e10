import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { accessibilityFaults } from '../support/accessibility.ts'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

const figures = (page: Page) =>
  page.getByTestId('figures').evaluate(({ dataset }) => ({
    scored: Number(dataset.scored),
    lost: Number(dataset.lost),
    p99: Number(dataset.p99),
  }))

/** Waits until so many more payments are scored. */
async function scoredMore(page: Page, more: number): Promise<void> {
  const { scored } = await figures(page)
  await expect.poll(async () => (await figures(page)).scored).toBeGreaterThan(scored + more)
}

const setSlider = (page: Page, testId: string, value: number) =>
  page.getByTestId(testId).evaluate((input: HTMLInputElement, text) => {
    input.value = text
    input.dispatchEvent(new Event('input', { bubbles: true }))
  }, String(value))

const isReady = (page: Page) =>
  page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()

describe('the payments', () => {
  test('are scored here once the model is loaded, go on without the server, and none is lost', async () => {
    await recordLayoutShifts(visit.context)
    const { page, errors } = await openPage(visit.context, visit.proxy.url)
    await isReady(page)
    await page.getByTestId('held').locator('.mark:not([hidden])').first().waitFor()
    const plug = page.getByTestId('plug')
    await plug.click()
    expect(await plug.textContent()).toBe('Plug the server in')
    expect(await page.getByTestId('spillway').textContent()).toContain('Waiting or running')
    await visit.proxy.stop()
    await scoredMore(page, 100)
    expect(await page.getByTestId('spillway').textContent()).toContain('nothing may go to the server')
    const { lost, p99 } = await figures(page)
    expect(lost).toBe(0)
    expect(p99).toBeGreaterThan(0)
    await page.getByTestId('pause').click()
    let before = -1
    const scoredMeanwhile = async () => {
      const { scored } = await figures(page)
      const more = scored - before
      before = scored
      return more
    }
    // The page shows new figures twice a second.
    await expect.poll(scoredMeanwhile, { interval: 600 }).toBe(0)
    expect(await shiftsOf(page)).toEqual([])
    expect(errors).toEqual([])
  })

  test('are likelier to be fraud as a visitor drags them away from home', async () => {
    const { page } = await openPage(visit.context, visit.proxy.url)
    await setSlider(page, 'rate', 1)
    const score = page.getByTestId('score')
    await expect.poll(() => score.textContent()).toBe('<1%')
    await setSlider(page, 'try-amount', 20)
    await setSlider(page, 'try-km', 1800)
    await setSlider(page, 'try-hours', 0.5)
    await page.getByLabel('by magnetic stripe').check()
    await expect.poll(async () => Number.parseFloat((await score.textContent()) ?? '')).toBeGreaterThan(50)
  })

  test('fit small and large windows, and have no accessibility violation, in light and dark', async () => {
    const { page } = await openPage(visit.context, visit.proxy.url)
    await isReady(page)
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await accessibilityFaults(page)).toEqual([])
    }
  })
})
