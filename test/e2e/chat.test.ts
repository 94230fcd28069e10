import type { Browser, BrowserContext, Page } from 'playwright-core'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest'
import { accessibilityFaults } from '../support/accessibility.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { startHub, type TestRepository } from '../support/hub.ts'
import { bardRepository } from '../support/hub-models.ts'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { launchBrowser, openPage, throttle } from '../support/page.ts'
import { routeHub } from '../support/route-hub.ts'

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

const isReady = (page: Page) =>
  page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()

const column = (page: Page, tier: 'device' | 'server') => page.getByTestId(`column-${tier}`)

async function columnsEnded(page: Page): Promise<void> {
  for (const tier of ['device', 'server'] as const)
    await column(page, tier).and(page.locator('[data-state="ended"]')).waitFor()
}

/** The places that wrote a column's text, in order. */
const writers = (page: Page, tier: 'device' | 'server') =>
  column(page, tier)
    .locator('.run')
    .evaluateAll((runs) => runs.map((run) => (run instanceof HTMLElement ? run.dataset.tier : undefined)))

describe('one prompt', () => {
  test('is continued here and there, and goes on elsewhere when either place is taken away', async () => {
    await recordLayoutShifts(context)
    const { page, errors } = await openPage(context, address())
    await isReady(page)
    const written = (tier: 'device' | 'server') => expect.poll(() => writers(page, tier))
    // A recorded text is played, and said to be recorded, until there is one of the visitor's own.
    await written('server').toEqual(['server', 'device'])
    await written('device').toEqual(['device'])
    expect(await column(page, 'server').textContent()).toContain('Recorded on an earlier day.')
    await page.getByTestId('lose-device').click()
    for (const tier of ['device', 'server'] as const)
      expect(await column(page, tier).textContent()).not.toContain('Recorded')
    await written('device').toEqual(['device', 'server'])
    await written('server').toEqual(['server'])
    expect(await column(page, 'device').textContent()).toMatch(/On this device:\).+On the server:\)/s)
    expect(await page.getByTestId('lose-server').isDisabled()).toBe(true)
    await columnsEnded(page)
    await page.getByTestId('lose-device').click()
    // A text that has arrived as a whole cannot be moved.
    const unthrottle = await throttle(page, 4_000)
    await page.getByTestId('lose-server').click()
    await written('server').toEqual(['server', 'device'])
    await written('device').toEqual(['device'])
    await columnsEnded(page)
    await unthrottle()
    for (const tier of ['device', 'server'] as const) {
      const rate = await column(page, tier).locator('dl').getAttribute('data-rate')
      expect(Number(rate)).toBeGreaterThan(0)
    }
    expect(await shiftsOf(page)).toEqual([])
    expect(errors).toEqual([])
  })

  test('goes on here when its server is really gone, and says so where the device is not allowed', async () => {
    const proxy = await startFaultProxy(new URL(inject('serverUrl')))
    const { page } = await openPage(context, new URL('chat.html', proxy.url))
    await isReady(page)
    proxy.fault = (_method, path) => (path.endsWith('/completions') ? 'half' : 'pass')
    await page.getByTestId('ask').click()
    // Not of the recorded text.
    await column(page, 'server').and(page.locator('[data-state=running]')).locator('.run').first().waitFor()
    await proxy.stop()
    await columnsEnded(page)
    expect(await writers(page, 'server')).toEqual(['server', 'device'])
    expect(await page.getByTestId('error').isHidden()).toBe(true)
    await page.getByTestId('lose-device').click()
    const error = page.getByTestId('error')
    await error.waitFor()
    expect(await error.textContent()).toContain('The server cannot be reached')
    await error.getByText('For developers').click()
    expect(await error.locator('[data-part="detail"]').isVisible()).toBe(true)
  })
})

const chatModel = 'HuggingFaceTB/SmolLM2-135M-Instruct'

/** A repository of that name, whose model is small. */
function chatRepository(): TestRepository {
  const { files, ...rest } = bardRepository()
  const template = '{% for m in messages %}{{ m.content }} {% endfor %}'
  const config = JSON.parse(String(files['tokenizer_config.json']))
  const named = { ...files, 'tokenizer_config.json': JSON.stringify({ ...config, chat_template: template }) }
  return { ...rest, files: named, revisions: ['12fd25f77366fa6b3b4b768ec3050bf629380bac'] }
}

test('a model of the hub says what it takes, is downloaded, and chats here', async () => {
  const hub = await startHub({ [chatModel]: chatRepository() })
  onTestFinished(() => hub.stop())
  await routeHub(context, hub)
  const { page, errors } = await openPage(context, address())
  await isReady(page)
  const pick = page.getByRole('button', { name: 'SmolLM2 135M' })
  hub.fault = () => 'html'
  await pick.click()
  const error = page.getByTestId('hub-error')
  await error.waitFor()
  expect(await error.textContent()).toContain('The hub cannot be reached from here')
  hub.fault = () => 'pass'
  await pick.click()
  const get = page.getByTestId('hub-get')
  await get.waitFor()
  expect(await page.getByTestId('hub-facts').textContent()).toMatch(
    /runs here.+ to download.+License: apache-2.0/,
  )
  expect(hub.seen.filter(({ origin, method }) => origin === 'store' && method === 'GET')).toEqual([])
  await get.click()
  await page.getByTestId('message').fill('Once upon a time there was a king who')
  await page.getByTestId('send').click()
  await expect.poll(() => page.getByTestId('reply').locator('.run[data-tier="device"]').count()).toBe(1)
  await page.getByTestId('conversation').getByRole('button', { name: 'Stop' }).click()
  await page.getByTestId('send').and(page.locator(':enabled')).waitFor()
  // More than half of what the model reads, with 85 tokens for the answer.
  await page.getByTestId('message').fill('The king went to the castle. '.repeat(60))
  await page.getByTestId('send').click()
  await expect
    .poll(() => page.getByTestId('dropped').textContent())
    .toContain('it answered without the 2 oldest messages')
  expect(await accessibilityFaults(page)).toEqual([])
  expect(errors).toEqual([])
})

describe('the stories', () => {
  test('arrive in pieces, several in shared steps, on the device; then from the server where the policy says so, stopped and continued', async () => {
    const { page, errors } = await openPage(context, address())
    await page.getByTestId('policy-device').check({ force: true })
    await isReady(page)
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

    await page.getByTestId('policy-server').check({ force: true })
    // A server that tells faster than a hand can stop it would leave nothing to stop.
    const unthrottle = await throttle(page, 4_000)
    await tell(page, 2)
    await expect.poll(() => whereOf(page)).toMatchObject({ tier: 'server', reason: 'policy' })
    await expect.poll(() => storyText(page, 0)).not.toBe('')
    await page.getByTestId('stop-all').click()
    await unthrottle()
    await ended(page, 0)
    await ended(page, 1)
    const before = (await storyText(page, 0)) ?? ''
    await page.getByTestId('story-0').getByRole('button', { name: 'Go on' }).click()
    await expect.poll(async () => (await storyText(page, 0))?.length).toBeGreaterThan(before.length)
    expect((await storyText(page, 0))?.startsWith(before)).toBe(true)
    expect(errors).toEqual([])
  })

  test('can be told by keyboard alone on a phone, fit every width, and have no accessibility violation', async () => {
    const { page } = await openPage(context, address())
    await page.setViewportSize({ width: 320, height: 568 })
    // The page's script has come: before, keys only write.
    await page.getByTestId('opening-0').waitFor()
    await page.getByTestId('opening').focus()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('The fox')
    await page.keyboard.press('Control+Enter')
    await expect.poll(() => storyText(page, 0)).not.toBe('')
    expect(await page.getByTestId('story-0').textContent()).toContain('The fox')
    await expect
      .poll(() =>
        page
          .getByTestId('told')
          .first()
          .evaluate((told) => told.getBoundingClientRect().top),
      )
      .toBeLessThan(568)
    await ended(page, 0)
    await isReady(page)
    await page.getByTestId('lose-server').click()
    await columnsEnded(page)
    for (const [width, height] of [
      [320, 568],
      [1280, 800],
    ] as const) {
      await page.setViewportSize({ width, height })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await accessibilityFaults(page)).toEqual([])
    }
  })
})
