import type { Browser, Page } from 'playwright-core'
import { facesFolder } from '../support/faces-model.ts'
import { launchWholeBrowser } from '../support/page.ts'
import { startServer } from '../support/server.ts'
import { longestTasks } from '../support/trace.ts'
import { atMost, type Bench, type Comparison } from './bench-definition.ts'

const limitMs = 50

async function visitPayments(page: Page, site: URL): Promise<void> {
  await page.goto(site.href)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('held').locator('.mark[data-tier=device]').first().waitFor()
}

async function visitVision(page: Page, site: URL): Promise<void> {
  await page.goto(new URL('vision.html', site).href)
  await page.getByTestId('sample-9').click()
  await page.locator('[data-testid=placement][data-tier=device]').waitFor()
  for (const digit of [1, 2, 3]) await page.getByTestId(`sample-${digit}`).click()
  await page.getByTestId('result').filter({ hasText: '3' }).waitFor()
  await page.getByTestId('redraw-all').click()
  await page.locator('[data-testid=wall-figures][data-right]').waitFor()
}

async function visitChat(page: Page, site: URL): Promise<void> {
  await page.goto(new URL('chat.html', site).href)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('tell').click()
  await page.getByTestId('story-3').and(page.locator('[data-state=ended]')).waitFor()
}

async function visitSearch(page: Page, site: URL): Promise<void> {
  await page.goto(new URL('search.html', site).href)
  await page.getByTestId('reading').filter({ hasText: 'kept' }).waitFor()
  await page.getByTestId('query').pressSequentially('a cat that vanishes')
  await page.getByTestId('results-note').filter({ hasText: 'vanishes' }).waitFor()
}

async function visitLab(page: Page, site: URL): Promise<void> {
  await page.goto(new URL('lab.html', site).href)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('amount').fill('1')
  await page.getByTestId('start').click()
  await page.waitForFunction(() => {
    const figures = document.querySelector<HTMLElement>('[data-testid=figures]')
    return Number(figures?.dataset.answered) > 5_000
  })
}

async function visitFaces(page: Page, site: URL): Promise<void> {
  await page.goto(new URL('vision.html', site).href)
  await page.getByTestId('progress').and(page.locator('[data-state=ready]')).waitFor()
  await page.getByTestId('policy-device').check({ force: true })
  await page.getByTestId('faces-play').click()
  await page.locator('.tile[data-faces="3"][data-place=device]').waitFor()
}

const visits = {
  payments: visitPayments,
  vision: visitVision,
  'vision, faces': visitFaces,
  chat: visitChat,
  search: visitSearch,
  'the lab': visitLab,
}

/** The CPU time of the longest task of a first visit and a second, by a browser that was not here before. */
async function longestOf(
  browser: Browser,
  site: URL,
  visit: (page: Page, site: URL) => Promise<void>,
): Promise<number> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const tasks = await longestTasks(page, async () => {
    await visit(page, site)
    await visit(page, site)
  })
  await context.close()
  return tasks[0] ?? 0
}

export const smooth: Bench = {
  name: 'smooth',
  description:
    'CPU milliseconds of the longest task on the thread of each page of the site, while its model loads and runs at a first visit and a second, the best of three',
  run: async ({ isTrial }) => {
    const server = await startServer({ SPILLWAY_MODELS: await facesFolder() })
    const browser = await launchWholeBrowser()
    const figures: Comparison[] = []
    for (const [name, visit] of Object.entries(visits)) {
      // What the page does costs it at each visit; what the machine adds now and then, as it finds memory, does not.
      let longest = Number.POSITIVE_INFINITY
      for (let round = 0; round < (isTrial ? 1 : 3); round++)
        longest = Math.min(longest, await longestOf(browser, server.url, visit))
      figures.push(atMost('smooth', `${name}, ms`, { ours: longest, theirs: limitMs }, limitMs))
    }
    await browser.close()
    await server.stop()
    return figures
  },
}
