import { describe, expect, test } from 'vitest'
import { accessibilityFaults } from '../support/accessibility.ts'
import { recordLayoutShift, shiftOf } from '../support/layout-shift.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

describe('the guides', () => {
  test('are read without a script, from one to the next, and by an error code', async () => {
    const context = await site.browser.newContext({ javaScriptEnabled: false })
    // Without the slash, the links of the page would lead elsewhere.
    const { page } = await openPage(context, new URL('docs', site.server.url))
    const title = page.locator('#guide-title')
    expect(await title.textContent()).toBe('Start')
    await page.getByRole('link', { name: 'Next' }).click()
    expect(await title.textContent()).toBe('Embed')
    await page.getByRole('navigation', { name: 'Guides' }).getByText('Troubleshooting').click()
    await page.goto(new URL('docs/errors.html#overloaded', site.server.url).href)
    expect(await page.locator(':target').textContent()).toBe('overloaded')
    expect(await page.locator('script').count()).toBe(0)
    await context.close()
  })

  test('fit small and large windows, move nothing, and have no accessibility violation', async () => {
    const context = await site.browser.newContext({ bypassCSP: true })
    await recordLayoutShift(context)
    const { page, errors } = await openPage(context, new URL('docs/errors.html', site.server.url))
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      for (const name of ['server', 'scaling', 'embed']) {
        await page.goto(new URL(`docs/${name}.html`, site.server.url).href)
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
        expect(await shiftOf(page)).toBe(0)
      }
      expect(await accessibilityFaults(page)).toEqual([])
    }
    expect(errors).toEqual([])
    await context.close()
  })

  test('are where the code of an error on a page leads', async () => {
    visit.proxy.fault = (_method, path) => (path.includes('/models/') ? 'missing' : 'pass')
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    const code = page.getByTestId('error').locator('code a')
    await code.waitFor()
    const name = (await code.textContent()) ?? ''
    await code.click()
    expect(await page.locator(':target').textContent()).toBe(name)
  })
})
