import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { accessibilityFaults } from '../support/accessibility.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

const open = () => openPage(visit.context, new URL('search.html', visit.proxy.url))

const hasRead = (page: Page) =>
  expect.poll(() => page.getByTestId('reading').textContent()).toMatch(/^(\d+) of \1 passages read in/)

const results = (page: Page) => page.getByTestId('results').locator('li')

describe('the search page', () => {
  test('ranks the book by what is typed, without its server, and finds more like a passage', async () => {
    const { page, errors } = await open()
    await hasRead(page)
    await visit.proxy.stop()
    await page.getByTestId('query').fill('the cat grinned and vanished')
    await expect.poll(() => results(page).first().textContent()).toContain('Cat')
    expect(await results(page).count()).toBe(8)
    const marked = await results(page).locator('mark').allTextContents()
    expect(marked.map((word) => word.toLowerCase())).toContain('cat')
    expect(marked.map((word) => word.toLowerCase())).not.toContain('the')
    // The strip counts what was embedded, each passage by a request of its own.
    const answered = page.getByTestId('spillway')
    await expect.poll(() => answered.evaluate(({ dataset }) => Number(dataset.device))).toBeGreaterThan(300)
    const third = await results(page).nth(2).getAttribute('data-passage')
    await results(page).nth(2).getByRole('button').click()
    await expect.poll(() => results(page).first().getAttribute('data-passage')).toBe(third)
    const shared = await page.getByTestId('figures').evaluate(({ dataset }) => Number(dataset.shared))
    expect(shared).toBeGreaterThan(1)
    expect(errors).toEqual([])
  })

  test('searches a text of the visitor', async () => {
    const { page } = await open()
    await page.getByText('Search a text of your own').click()
    await page.getByTestId('own').fill('The ship sailed over the sea. The queen sat on her throne.')
    await page.getByTestId('own').blur()
    await expect.poll(() => page.getByTestId('reading').textContent()).toMatch(/^1 of 1 passages/)
    await page.getByTestId('query').fill('sailors')
    await expect.poll(() => results(page).allTextContents()).toEqual([expect.stringContaining('The ship')])
  })

  test('fits small and large windows, and has no accessibility violation, in light and dark', async () => {
    const { page } = await open()
    await hasRead(page)
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await accessibilityFaults(page)).toEqual([])
    }
  })
})
