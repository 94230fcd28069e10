import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { accessibilityFaults } from '../support/accessibility.ts'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

const open = () => openPage(visit.context, new URL('vision.html', visit.proxy.url))

const isReady = (page: Page) =>
  page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()

const figures = (page: Page) =>
  page.getByTestId('wall-figures').evaluate(({ dataset: { right, stayed, shared, rate } }) => ({
    right: Number(right),
    stayed: Number(stayed),
    shared: Number(shared),
    rate: Number(rate),
  }))

const picture = (page: Page) =>
  page.getByTestId('wall-canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL())

/** How many digits were read as each label. */
const labels = async (page: Page) =>
  (await page.getByTestId('wall-labels').locator('span').allTextContents()).map(Number)

describe('the wall', () => {
  test('of 400 digits is read here in shared runs, and again as it is dragged over', async () => {
    await recordLayoutShifts(visit.context)
    const { page, errors } = await open()
    await isReady(page)
    const privacy = page.getByTestId('privacy')
    expect(await privacy.textContent()).toContain('Nothing has left this device so far.')
    const unread = await picture(page)
    await page.getByTestId('policy-device').check({ force: true })
    expect(await privacy.textContent()).toBe('Nothing leaves this device.')
    await isReady(page)
    visit.proxy.clear()
    await page.getByTestId('read-all').click()
    await expect.poll(async () => (await figures(page)).right).toBeGreaterThan(380)
    const { stayed, shared, rate } = await figures(page)
    expect(stayed).toBe(400)
    expect(shared).toBeGreaterThan(10)
    expect(rate).toBeGreaterThan(0)
    const before = await labels(page)
    expect(before.reduce((sum, count) => sum + count)).toBe(400)
    expect(await picture(page)).not.toBe(unread)

    await page.getByTestId('wall-canvas').scrollIntoViewIfNeeded()
    const box = (await page.getByTestId('wall-canvas').boundingBox()) ?? expect.fail('no wall')
    await page.mouse.move(box.x + 10, box.y + box.height / 2)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width - 10, box.y + box.height / 2, { steps: 40 })
    await page.mouse.up()
    await expect.poll(() => labels(page)).not.toEqual(before)
    expect(visit.proxy.seen.filter(({ path }) => path.includes('/infer'))).toEqual([])

    const all = await picture(page)
    await page.getByTestId('label-3').click()
    await expect.poll(() => picture(page)).not.toBe(all)
    expect(await page.getByTestId('label-3').getAttribute('aria-pressed')).toBe('true')
    expect(await shiftsOf(page)).toEqual([])
    expect(errors).toEqual([])
  })

  test('has the address of the digits page too, fits every window without an accessibility violation, and is read on the server where the visitor wants that', async () => {
    const { page } = await openPage(visit.context, new URL('digits.html', visit.proxy.url))
    // The page's address of before leads to it.
    expect(new URL(page.url()).pathname).toBe('/vision.html')
    await isReady(page)
    await page.getByTestId('read-all').click()
    await expect.poll(async () => (await figures(page)).right).toBeGreaterThan(380)
    // This server has no detector of faces: the page says how it gets one, and shows what one has found.
    const missing = page.getByTestId('faces-missing')
    await missing.waitFor()
    expect(await missing.locator('> code').textContent()).toMatch(
      /^spillway pull https:\S+\.onnx -o my-models\/faces$/,
    )
    expect(await page.getByTestId('faces-play').isDisabled()).toBe(true)
    expect(await page.locator('.tile').getAttribute('data-faces')).toBe('3')
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await accessibilityFaults(page)).toEqual([])
    }

    await page.getByTestId('policy-server').check({ force: true })
    expect(await page.getByTestId('privacy').textContent()).toBe('Every drawing is sent to the server.')
    const readAgain = async () => {
      await page.getByTestId('read-all').click()
      await expect.poll(async () => (await figures(page)).stayed).toBe(0)
    }
    // A busy machine may refuse some of 400 requests at once.
    await readAgain().catch(readAgain)
    await visit.proxy.stop()
    await page.getByTestId('redraw-all').click()
    await page.getByTestId('error').getByText('server_unreachable').waitFor()
    await page.getByTestId('policy-device').check({ force: true })
    await isReady(page)
    await page.getByTestId('read-all').click()
    await expect.poll(async () => (await figures(page)).stayed).toBe(400)
    await expect.poll(() => page.getByTestId('error').isVisible()).toBe(false)
  })
})
