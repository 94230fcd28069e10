import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  forcedColourFaults,
  launchWithoutLetters,
  layoutFaults,
  setDirection,
  texts,
} from '../support/layout.ts'
import { launchBrowser } from '../support/page.ts'

/** The smallest screen, phones, one on its side, and a desk. */
const widths = [320, 360, 390, 700, 1280]

/** The smallest and the widest. */
const ends = [320, 1280]

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

async function visitSearch(page: Page): Promise<void> {
  await page.goto(new URL('search.html', inject('serverUrl')).href)
  await page.locator('[data-testid=results] li').first().waitFor()
}

async function visitLab(page: Page): Promise<void> {
  await page.goto(new URL('lab.html', inject('serverUrl')).href)
  await page.locator('[data-testid=progress][data-state=ready]').waitFor()
}

async function visitCode(page: Page): Promise<void> {
  await page.goto(new URL('code.html', inject('serverUrl')).href)
  await page.locator('[data-testid=run]:not([disabled])').waitFor()
}

async function visitDocs(page: Page): Promise<void> {
  await page.goto(new URL('docs/', inject('serverUrl')).href)
}

/** The faults at these widths, and at both ends under each treatment of the text, in forced colours and from right to left. */
async function faultsOf(page: Page, widths: readonly number[]): Promise<string[]> {
  const faults: string[] = []
  const look = async (how: string, widths: readonly number[]) => {
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 })
      // Charts take the new width with the next frame.
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))))
      faults.push(...(await layoutFaults(page)).map((fault) => `${how}, ${width} px: ${fault}`))
    }
  }
  for (const [how, content] of Object.entries(texts)) {
    const style = await page.addStyleTag({ content })
    await look(how, how === 'as it comes' ? widths : ends)
    await style.evaluate((element: HTMLStyleElement) => element.remove())
  }
  await setDirection(page, 'rtl')
  await look('from right to left', ends)
  await setDirection(page, 'ltr')
  await page.emulateMedia({ forcedColors: 'active' })
  await look('in forced colours', ends)
  faults.push(...(await forcedColourFaults(page)).map((fault) => `in forced colours: ${fault}`))
  return faults
}

/** Shows all that a page may show. */
async function unfold(page: Page): Promise<void> {
  // The page of payments has none.
  await page.getByTestId('capacity').evaluateAll((panels) => {
    for (const panel of panels) panel.toggleAttribute('open', true)
  })
  await page.getByTestId('error').evaluateAll(([error]) => {
    if (!(error instanceof HTMLElement)) return
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

const asked = [
  ['payments', visitPayments, widths],
  ['vision', visitVision, widths],
  ['chat', visitChat, widths],
] as const

const others = [
  ['search', visitSearch, ends],
  ['lab', visitLab, ends],
  ['code', visitCode, ends],
  ['docs', visitDocs, ends],
] as const

describe.each([
  ['fonts', launchBrowser, [...asked, ...others]],
  ['no letters', launchWithoutLetters, asked.slice(0, 2)],
] as const)('on a machine with %s', (_what, launch, visits) => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test.each(visits)(
    'the page of %s holds its text at every width, however large, wide or spaced that is',
    async (_page, visit, widths) => {
      // The policy of the guides allows no style of a test.
      const page = await browser.newPage({ bypassCSP: true })
      await visit(page)
      await unfold(page)
      expect(await faultsOf(page, widths)).toEqual([])
      await page.close()
    },
  )
})
