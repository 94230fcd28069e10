import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

/** A colour token of the page, as the browser computes it. */
const token = (page: Page, name: string) =>
  page.evaluate((property) => {
    const probe = document.createElement('i')
    probe.style.color = `var(${property})`
    document.body.append(probe)
    const { color } = getComputedStyle(probe)
    probe.remove()
    return color
  }, name)

const colourOf = (page: Page, selector: string) =>
  page.locator(selector).evaluate((element) => getComputedStyle(element).color)

describe('the look of the pages', () => {
  test('has cyan for what this device answered, and amber for what the server did', async () => {
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    await page.getByTestId('sample-5').click()
    for (const place of ['device', 'server']) {
      await page.getByTestId(`policy-${place}`).check({ force: true })
      await page.locator(`[data-testid=placement][data-tier=${place}]`).waitFor()
      await expect.poll(() => colourOf(page, '.share')).toBe(await token(page, `--${place}`))
      await expect.poll(() => colourOf(page, `.tier-${place}`)).toBe(await token(page, `--${place}`))
    }
  })

  test('moves nothing as its font comes late, and takes it from its own server', async () => {
    await recordLayoutShifts(visit.context)
    visit.proxy.fault = (_method, path) => (path.endsWith('.woff2') ? 'half' : 'pass')
    const page = await visit.context.newPage()
    // The event "load" would wait for the font.
    await page.goto(new URL('vision.html', visit.proxy.url).href, { waitUntil: 'domcontentloaded' })
    await page.getByTestId('sample-3').click()
    await page.locator('[data-testid=placement][data-tier=device]').waitFor()
    visit.proxy.release()
    const loaded = () =>
      page.evaluate(() =>
        [...document.fonts].filter(({ status }) => status === 'loaded').map(({ family }) => family),
      )
    await expect.poll(loaded).toContain('Inter Variable')
    expect(await shiftsOf(page)).toEqual([])
    const fonts = visit.proxy.seen.map(({ path }) => path).filter((path) => path.endsWith('.woff2'))
    expect(fonts.filter((path) => path.includes('inter'))).toHaveLength(1)
    expect(new Set(fonts).size).toBe(fonts.length)
  })
})

describe('the spillway', () => {
  const counts = (page: Page) =>
    page.getByTestId('spillway').evaluate(({ dataset }) => ({
      device: Number(dataset.device),
      server: Number(dataset.server),
    }))

  test('shows where the answers of the page came from, with numbers alone where motion is reduced', async () => {
    await recordLayoutShifts(visit.context)
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await page.getByTestId('policy-device').check({ force: true })
    await page.getByTestId('sample-5').click()
    await expect.poll(async () => (await counts(page)).device).toBeGreaterThan(0)
    await page.getByTestId('policy-server').check({ force: true })
    await expect.poll(async () => (await counts(page)).server).toBeGreaterThan(0)
    const strip = page.getByTestId('spillway')
    expect(await strip.textContent()).toMatch(/Waiting\s*\d+\s*This device\s*\d+\s*Server\s*\d+/)
    // Without motion, the picture stands still once the numbers do.
    const picture = () => strip.locator('canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL())
    let before = ''
    const isStill = async () => {
      const now = await picture()
      const isSame = now === before
      before = now
      return isSame
    }
    await expect.poll(isStill, { interval: 100 }).toBe(true)
    expect(await shiftsOf(page)).toEqual([])
  })
})
