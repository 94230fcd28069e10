import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { launchBrowser } from '../support/page.ts'
import { longestTasks } from '../support/trace.ts'

const url = inject('serverUrl')
let browser: Browser

beforeAll(async () => {
  browser = await launchBrowser()
  // A browser's first page brings its own code from the disk: that is no task of the app's.
  await visit(await (await browser.newContext()).newPage())
})
afterAll(() => browser.close())

/** Until the device answers, and a few answers more. */
async function visit(page: Page): Promise<void> {
  await page.goto(url)
  await page.getByTestId('sample-9').click()
  await page.locator('[data-testid=placement][data-tier=device]').waitFor()
  for (const digit of [1, 2, 3]) await page.getByTestId(`sample-${digit}`).click()
  await page.getByTestId('result').filter({ hasText: '3' }).waitFor()
}

test('the app holds the page’s thread for no 50 ms while it loads and runs, at the first visit and the second', async () => {
  const page = await (await browser.newContext()).newPage()
  const tasks = await longestTasks(page, async () => {
    await visit(page)
    await visit(page)
  })
  expect(tasks.length).toBeGreaterThan(100)
  expect(tasks[0]).toBeLessThan(50)
  // A task that is too long would have been seen, whatever else this machine does.
  const [held] = await longestTasks(page, () =>
    page.evaluate(async () => {
      await new Promise<void>((resolve) =>
        setTimeout(() => {
          const end = performance.now() + 1_000
          while (performance.now() < end);
          resolve()
        }),
      )
    }),
  )
  expect(held).toBeGreaterThan(50)
})
