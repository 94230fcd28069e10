import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { launchWithoutLetters, layoutFaults, texts } from '../support/layout.ts'
import { launchBrowser } from '../support/page.ts'

/** The smallest screen, phones, one on its side, and a desk. */
const widths = [320, 360, 390, 700, 1280]

async function visitPayments(page: Page): Promise<void> {
  await page.goto(inject('serverUrl'))
  await page.getByTestId('held').locator('.mark:not([hidden])').first().waitFor()
  // What changes while it is measured may change its width.
  await page.getByTestId('pause').click()
}

async function visitVision(page: Page): Promise<void> {
  await page.goto(new URL('vision.html', inject('serverUrl')).href)
  await page.getByTestId('sample-8').click()
  await page.locator('[data-testid=placement][data-tier=device]').waitFor()
  await page.getByTestId('read-all').click()
  await page.locator('[data-testid=wall-figures][data-right]').waitFor()
  // What a server without a detector says is the longer text.
  await page.getByTestId('faces-missing').waitFor()
}

async function visitChat(page: Page): Promise<void> {
  await page.goto(new URL('chat.html', inject('serverUrl')).href)
  await page.getByTestId('count-2').check({ force: true })
  await page.getByTestId('tell').click()
  for (const story of [0, 1])
    await page.getByTestId(`story-${story}`).and(page.locator('[data-state=ended]')).waitFor()
}

/** Shows all that a page may show. */
async function unfold(page: Page): Promise<void> {
  // The page of payments has none.
  await page.getByTestId('capacity').evaluateAll((panels) => {
    for (const panel of panels) panel.toggleAttribute('open', true)
  })
  await page.getByTestId('error').evaluate((error: HTMLElement) => {
    error.hidden = false
    const tell = (part: string, words: string) => {
      const element = error.querySelector(`[data-part=${part}]`)
      if (element) element.textContent = words
    }
    tell('message', 'The server at http://localhost:8080/v2/models/digits/infer could not be reached.')
    tell('code', 'capacity_insufficient')
    tell(
      'detail',
      'The server at http://localhost:8080/v2/models/digits/infer could not be reached: fetch failed.',
    )
    error.querySelector('details')?.toggleAttribute('open', true)
  })
}

describe.each([
  ['fonts', launchBrowser],
  ['no letters', launchWithoutLetters],
])('on a machine with %s', (_what, launch) => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test.each([
    ['payments', visitPayments],
    ['vision', visitVision],
    ['chat', visitChat],
  ])(
    'the page of %s holds its text at every width, however large, wide or spaced that is',
    async (_page, visit) => {
      const page = await browser.newPage()
      await visit(page)
      await unfold(page)
      const faults: string[] = []
      for (const [how, content] of Object.entries(texts)) {
        const style = await page.addStyleTag({ content })
        for (const width of widths) {
          await page.setViewportSize({ width, height: 800 })
          faults.push(...(await layoutFaults(page)).map((fault) => `${how}, ${width} px: ${fault}`))
        }
        await style.evaluate((element: HTMLStyleElement) => element.remove())
      }
      expect(faults).toEqual([])
      await page.close()
    },
  )
})
