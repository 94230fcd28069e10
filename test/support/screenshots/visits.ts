import type { Page } from 'playwright-core'

/** Brings a page to what is worth a picture, once it is open. */
export type Visit = (page: Page) => Promise<void>

const ready = (page: Page) => page.locator('[data-testid=progress][data-state=ready]').waitFor()

/** Most are scored here by then, and the rows of held payments are full. */
async function payments(page: Page): Promise<void> {
  await ready(page)
  await page.getByTestId('rate').fill('3.4')
  await page.waitForFunction(
    () => Number(document.querySelector<HTMLElement>('#figures')?.dataset.stayed) > 0.9,
  )
  await page.getByTestId('rate').blur()
  await page.getByTestId('held').locator('tbody tr:last-child .mark:not([hidden])').waitFor()
}

/** The server is unplugged in mid-sentence, and four stories share steps. */
async function chat(page: Page): Promise<void> {
  await ready(page)
  await page.getByTestId('lose-server').click()
  await page.locator('[data-testid=column-server][data-state=ended]:not([data-seams="0"])').waitFor()
  await page.locator('[data-testid=column-device][data-state=ended]').waitFor()
  await page.getByTestId('count-4').check({ force: true })
  await page.getByTestId('tell').click()
  for (const story of [0, 1, 2, 3])
    await page.locator(`[data-testid=story-${story}][data-state=ended]`).waitFor()
}

async function search(page: Page): Promise<void> {
  await ready(page)
  await page.getByTestId('query').fill('a cat that vanishes')
  await page.locator('[data-testid=figures][data-embed]').waitFor()
  await page.getByTestId('query').blur()
}

async function vision(page: Page): Promise<void> {
  await page.getByTestId('sample-3').click()
  await page.locator('[data-testid=placement][data-tier]').waitFor()
  await page.getByTestId('policy-device').check({ force: true })
  await ready(page)
  await page.getByTestId('read-all').click()
  await page.locator('[data-testid=wall-figures][data-right]').waitFor()
}

/** Under load for some seconds, with one fault tried. */
async function lab(page: Page): Promise<void> {
  await ready(page)
  await page.getByTestId('start').click()
  await page.waitForTimeout(4_000)
  await page.getByTestId('fault-lane').click()
  await page.waitForTimeout(4_000)
  await page.getByTestId('start').click()
}

async function code(page: Page): Promise<void> {
  await page.getByTestId('run').click()
  await page.locator('[data-testid=placement][data-tier]').waitFor()
}

/** All pages of the site by name: the path, and the visit. */
export const pages: Readonly<Record<string, readonly [path: string, visit: Visit]>> = {
  payments: ['', payments],
  chat: ['chat.html', chat],
  search: ['search.html', search],
  vision: ['vision.html', vision],
  lab: ['lab.html', lab],
  code: ['code.html', code],
  docs: ['docs/', async () => {}],
}
