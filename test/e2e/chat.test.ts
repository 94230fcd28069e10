import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { accessibilityFaults } from '../support/accessibility.ts'
import { launchBrowser, openPage, throttle } from '../support/page.ts'

let browser: Browser
let context: BrowserContext
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())
beforeEach(async () => {
  context = await browser.newContext()
})
afterEach(() => context.close())

const address = () => new URL('chat.html', inject('serverUrl'))

async function tell(page: Page, count: number): Promise<void> {
  await page.getByTestId(`count-${count}`).check({ force: true })
  await page.getByTestId('tell').click()
}

const storyText = (page: Page, story: number) =>
  page.getByTestId(`story-${story}`).getByTestId('told').textContent()

const ended = (page: Page, story: number) =>
  page.getByTestId(`story-${story}`).and(page.locator('[data-state="ended"][data-tokens]')).waitFor()

const whereOf = (page: Page) =>
  page.getByTestId('placement').evaluate(({ dataset }) => ({ ...dataset }) as Record<string, string>)

const figuresOf = (page: Page) =>
  page.getByTestId('figures').evaluate(({ dataset }) => ({ ...dataset }) as Record<string, string>)

test('the old address leads here', async () => {
  const { page } = await openPage(context, new URL('stories.html', inject('serverUrl')))
  await page.waitForURL(address().href)
})

describe('the stories', () => {
  test('arrive in pieces, on the device, several in shared steps', async () => {
    const { page, errors } = await openPage(context, address())
    await page.getByTestId('policy-device').check({ force: true })
    await page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()
    await tell(page, 4)
    await expect.poll(() => storyText(page, 3)).not.toBe('')
    const early = (await storyText(page, 3)) ?? ''
    for (const story of [0, 1, 2, 3]) await ended(page, story)
    const late = (await storyText(page, 3)) ?? ''
    expect(late.startsWith(early)).toBe(true)
    expect(new Set(await Promise.all([0, 1, 2, 3].map((story) => storyText(page, story)))).size).toBe(4)
    expect(await whereOf(page)).toMatchObject({ tier: 'device', variant: 'q4-wasm', reason: 'policy' })
    const { rate, shared, first } = await figuresOf(page)
    expect(Number(rate)).toBeGreaterThan(0)
    expect(Number(first)).toBeGreaterThan(0)
    expect(Number(shared)).toBeGreaterThan(2)
    await expect
      .poll(() => page.getByTestId('spillway').textContent())
      .toMatch(/This device\s*4\s*Server\s*0/)
    expect(errors).toEqual([])
  })

  test('come from the server where the policy says so, and can be stopped and continued', async () => {
    const { page } = await openPage(context, address())
    await page.getByTestId('policy-server').check({ force: true })
    // A server that tells faster than a hand can stop it would leave nothing to stop.
    const unthrottle = await throttle(page, 4_000)
    await tell(page, 2)
    await expect.poll(() => storyText(page, 0)).not.toBe('')
    expect(await whereOf(page)).toMatchObject({ tier: 'server', reason: 'policy' })
    await page.getByTestId('stop-all').click()
    await unthrottle()
    await ended(page, 0)
    await ended(page, 1)
    const before = (await storyText(page, 0)) ?? ''
    await page.getByTestId('story-0').getByRole('button', { name: 'Go on' }).click()
    await expect.poll(async () => (await storyText(page, 0))?.length).toBeGreaterThan(before.length)
    expect((await storyText(page, 0))?.startsWith(before)).toBe(true)
  })

  test('can be told by keyboard alone', async () => {
    const { page } = await openPage(context, address())
    await page.getByTestId('opening').focus()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('The fox')
    await page.keyboard.press('Control+Enter')
    await expect.poll(() => storyText(page, 0)).not.toBe('')
    expect(await page.getByTestId('story-0').textContent()).toContain('The fox')
  })

  test('scroll into view on a phone', async () => {
    const { page } = await openPage(context, address())
    await page.setViewportSize({ width: 390, height: 844 })
    await tell(page, 1)
    await expect
      .poll(() => page.getByTestId('told').evaluate((storyText) => storyText.getBoundingClientRect().top))
      .toBeLessThan(844)
  })

  test.each([
    [320, 568],
    [1280, 800],
  ])('fit %i pixels and have no accessibility violation, in light and dark', async (width, height) => {
    const { page } = await openPage(context, address())
    await page.setViewportSize({ width, height })
    await tell(page, 2)
    await ended(page, 0)
    await ended(page, 1)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    expect(await accessibilityFaults(page)).toEqual([])
  })
})
