import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { launchBrowser, openPage } from '../support/page.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

async function visit(page: Page): Promise<number[]> {
  await page.getByTestId('sample-9').click()
  await page.locator('[data-testid=placement][data-tier=device]').waitFor()
  for (const digit of [1, 2, 3]) await page.getByTestId(`sample-${digit}`).click()
  await expect.poll(async () => (await page.getByTestId('result').textContent())?.trim()).toBe('3')
  // Entries are delivered in a task of their own.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)))
  return page.evaluate(() => window.longTasks)
}

async function firstAndSecondVisit(): Promise<number[]> {
  const fresh = await browser.newContext()
  const { page } = await openPage(fresh, new URL(inject('serverUrl')))
  const first = await visit(page)
  await page.reload()
  const second = await visit(page)
  await fresh.close()
  return [...first, ...second]
}

// What else this machine does can only add: again where it did. A task of the page's own is there each time.
const attempts = 10

test('the app holds the page’s thread for no 50 ms while it loads and runs, at the first visit and the second', {
  timeout: 240_000,
}, async () => {
  const tasks = [await firstAndSecondVisit()]
  while (tasks.length < attempts && tasks.at(-1)?.length !== 0) tasks.push(await firstAndSecondVisit())
  expect(tasks).toContainEqual([])
})
