import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { accessibilityFaults } from '../support/accessibility.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

const isModelFile = (path: string) => path.startsWith('/models/digits/q8/')

/** Waits for an answer of the given tier, and reads it as a visitor sees it. */
async function answerOf(
  page: Page,
  tier: 'device' | 'server',
): Promise<{ digit: string; explanation: string; reason: string }> {
  const placement = page.locator(`[data-testid=placement][data-tier=${tier}]`)
  await placement.waitFor()
  return {
    digit: (await page.getByTestId('result').textContent())?.trim() ?? '',
    explanation: (await placement.textContent()) ?? '',
    reason: (await placement.getAttribute('data-reason')) ?? '',
  }
}

/** A one, from top to bottom in the middle of the pad. */
async function drawOne(page: Page): Promise<void> {
  // Made by the script that also takes strokes.
  await page.getByTestId('sample-0').waitFor()
  await page.getByTestId('pad').scrollIntoViewIfNeeded()
  const box = (await page.getByTestId('pad').boundingBox()) ?? expect.fail('no pad')
  const x = box.x + box.width / 2
  await page.mouse.move(x, box.y + box.height * 0.2)
  await page.mouse.down()
  for (let step = 1; step <= 12; step++) await page.mouse.move(x, box.y + box.height * (0.2 + step * 0.05))
  await page.mouse.up()
}

describe('the app', () => {
  test('recognises a digit drawn with the mouse, on the device, and shows where it ran', async () => {
    const { page, errors } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    await drawOne(page)
    expect(await answerOf(page, 'device')).toMatchObject({ digit: '1', reason: 'device-capable' })
    await expect.poll(() => page.getByTestId('timings').textContent()).toMatch(/\d\s*ms/)
    expect(await page.getByTestId('bars').locator('[data-testid^=bar-]').count()).toBe(10)
    await page.getByTestId('clear').click()
    await expect.poll(async () => (await page.getByTestId('result').textContent())?.trim()).toBe('')
    expect(errors).toEqual([])
  })

  test('shows the progress of the first download, and loads from the store at the second visit', async () => {
    visit.proxy.fault = (_method, path) => (isModelFile(path) ? 'half' : 'pass')
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    const bar = page.getByTestId('progress').locator('progress')
    await expect
      .poll(() => bar.evaluate(({ position }: HTMLProgressElement) => position > 0 && position < 1), {
        interval: 20,
      })
      .toBe(true)
    visit.proxy.release()
    await page.getByTestId('sample-3').click()
    expect((await answerOf(page, 'device')).digit).toBe('3')
    visit.proxy.clear()
    await page.reload()
    await page.getByTestId('sample-7').click()
    expect((await answerOf(page, 'device')).digit).toBe('7')
    expect(visit.proxy.seen.filter(({ path }) => isModelFile(path))).toEqual([])
  })

  test('moves to the server and back with the policy, and recognises the same', async () => {
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    await page.getByTestId('sample-5').click()
    expect((await answerOf(page, 'device')).digit).toBe('5')
    await page.getByTestId('policy-server').check({ force: true })
    expect(await answerOf(page, 'server')).toMatchObject({ digit: '5', reason: 'policy' })
    await page.getByTestId('policy-device').check({ force: true })
    expect(await answerOf(page, 'device')).toMatchObject({ digit: '5', reason: 'policy' })
  })

  test('shows an error in words, and works on afterwards', async () => {
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    await page.getByTestId('sample-2').click()
    await answerOf(page, 'device')
    visit.proxy.fault = (_method, path) => (path.endsWith('/infer') ? 'html' : 'pass')
    await page.getByTestId('policy-server').check({ force: true })
    const error = page.getByTestId('error')
    await error.waitFor()
    expect(await error.textContent()).toContain(
      'The server gave an answer that this page does not understand. server_response_invalid',
    )
    await page.getByTestId('policy-device').check({ force: true })
    await page.getByTestId('sample-4').click()
    await expect.poll(async () => (await page.getByTestId('result').textContent())?.trim()).toBe('4')
    expect(await error.isVisible()).toBe(false)
  })

  test('works on when the server has stopped', async () => {
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    await page.getByTestId('sample-0').click()
    expect((await answerOf(page, 'device')).digit).toBe('0')
    await visit.proxy.stop()
    await page.getByTestId('sample-6').click()
    await expect.poll(async () => (await page.getByTestId('result').textContent())?.trim()).toBe('6')
  })

  test('can be used with the keyboard alone, fits every width, and has no accessibility violation', async () => {
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    const pad = page.getByTestId('pad')
    for (
      let tabs = 0;
      tabs < 20 && !(await pad.evaluate((element) => element === document.activeElement));
      tabs++
    ) {
      await page.keyboard.press('Tab')
    }
    for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Space')
    for (let step = 0; step < 12; step++) await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Space')
    expect((await answerOf(page, 'device')).digit).toBe('1')
    for (const [width, height] of [
      [320, 568],
      [1280, 800],
    ] as const) {
      await page.setViewportSize({ width, height })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await accessibilityFaults(page)).toEqual([])
    }
    await pad.focus()
    await page.keyboard.press('c')
    await expect.poll(async () => (await page.getByTestId('result').textContent())?.trim()).toBe('')
  })
})
