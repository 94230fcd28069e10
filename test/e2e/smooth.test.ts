import type { Browser, Page } from 'playwright-core'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { launchBrowser } from '../support/page.ts'
import { longestTasks } from '../support/trace.ts'

const url = inject('serverUrl')
let browser: Browser

// A browser records one trace at a time: a test that is cut off must not hold the next.
beforeEach(async () => {
  browser = await launchBrowser()
})
afterEach(() => browser.close())

async function visitPayments(page: Page): Promise<void> {
  await page.goto(url)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('held').locator('.mark[data-tier=device]').first().waitFor()
}

async function visitVision(page: Page): Promise<void> {
  await page.goto(new URL('vision.html', url).href)
  await page.getByTestId('sample-9').click()
  await page.locator('[data-testid=placement][data-tier=device]').waitFor()
  for (const digit of [1, 2, 3]) await page.getByTestId(`sample-${digit}`).click()
  await page.getByTestId('result').filter({ hasText: '3' }).waitFor()
  await page.getByTestId('redraw-all').click()
  await page.locator('[data-testid=wall-figures][data-right]').waitFor()
}

async function visitChat(page: Page): Promise<void> {
  await page.goto(new URL('chat.html', url).href)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('tell').click()
  await page.getByTestId('story-3').and(page.locator('[data-state=ended]')).waitFor()
}

async function visitSearch(page: Page): Promise<void> {
  await page.goto(new URL('search.html', url).href)
  await page.getByTestId('reading').filter({ hasText: 'kept' }).waitFor()
  await page.getByTestId('query').pressSequentially('a cat that vanishes')
  await page.getByTestId('results-note').filter({ hasText: 'vanishes' }).waitFor()
}

async function visitLab(page: Page): Promise<void> {
  await page.goto(new URL('lab.html', url).href)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('amount').fill('1')
  await page.getByTestId('start').click()
  await page.waitForFunction(() => {
    const figures = document.querySelector<HTMLElement>('[data-testid=figures]')
    return Number(figures?.dataset.answered) > 5_000
  })
}

const limitMs = 50

/** What `slowness` takes on the two cores on which the pages were made to keep the limit. */
const usualMs = 160

/** How much longer this machine takes for a fixed piece of work just now: other work takes memory from its caches. */
async function slowness(): Promise<number> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const [ms = usualMs] = await longestTasks(page, () =>
    page.evaluate(
      () =>
        new Promise<void>((resolve) =>
          setTimeout(() => {
            let number = 1
            for (let time = 0; time < 20_000_000; time++)
              number = Math.imul(number, 1_664_525) + 1_013_904_223
            document.title = String(number)
            resolve()
          }),
        ),
    ),
  )
  await context.close()
  return Math.max(1, ms / usualMs)
}

/** The longest task of a first visit and a second, by a browser that was not here before. */
async function longestOf(visit: (page: Page) => Promise<void>): Promise<number> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const tasks = await longestTasks(page, async () => {
    await visit(page)
    await visit(page)
  })
  await context.close()
  expect(tasks.length).toBeGreaterThan(100)
  return tasks[0] ?? 0
}

test.each([
  ['payments', visitPayments],
  ['vision', visitVision],
  ['chat', visitChat],
  ['search', visitSearch],
  ['the lab', visitLab],
])(
  'the page of %s is held for no 50 ms while its model loads and runs, at the first visit and the second',
  async (_what, visit) => {
    // What the page does costs it at each visit; what the machine adds now and then, as it finds memory, does not.
    const longest = [await longestOf(visit)]
    while (Math.min(...longest) >= limitMs && longest.length < 3)
      longest.push((await longestOf(visit)) / (await slowness()))
    expect(Math.min(...longest)).toBeLessThan(limitMs)
  },
)

test('a page that is held for longer would be seen, whatever else this machine does', async () => {
  const page = await (await browser.newContext()).newPage()
  const hold = () =>
    new Promise<void>((resolve) =>
      setTimeout(() => {
        const end = performance.now() + 1_000
        while (performance.now() < end);
        resolve()
      }),
    )
  const [longest] = await longestTasks(page, () => page.evaluate(hold))
  expect(longest).toBeGreaterThan(limitMs)
})
