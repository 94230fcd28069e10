/** Takes the README's pictures: the payments, the vision and the chat page at desktop width, served by the built server. */
import { fileURLToPath } from 'node:url'
import { launchBrowser, openPage } from './page.ts'
import { startServer } from './server.ts'

const server = await startServer()
const browser = await launchBrowser()
const context = await browser.newContext({ viewport: { width: 1120, height: 760 }, deviceScaleFactor: 1.5 })
const { page } = await openPage(context, server.url)
await page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()
// Most are scored here by then, and the rows of held payments are full.
await page.getByTestId('rate').fill('3.7')
await page.waitForFunction(() => {
  const figures = document.querySelector<HTMLElement>('#figures')
  return Number(figures?.dataset.stayed) > 0.95
})
await page.getByTestId('rate').blur()
await page.getByTestId('held').locator('tbody tr:last-child .mark:not([hidden])').waitFor()
await page.setViewportSize({ width: 1120, height: 1000 })
await page.screenshot({ path: fileURLToPath(new URL('../../web/app/payments.png', import.meta.url)) })
// Taller, so that the wall and the start of the pad are in the picture.
await page.setViewportSize({ width: 1120, height: 1180 })
await page.goto(new URL('vision.html', server.url).href)
await page.getByTestId('sample-3').click()
await page.getByTestId('placement').and(page.locator('[data-tier]')).waitFor()
await page.getByTestId('policy-device').check({ force: true })
await page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()
await page.getByTestId('read-all').click()
await page.locator('[data-testid=wall-figures][data-right]').waitFor()
await page.evaluate(() => scrollTo(0, 0))
await page.screenshot({ path: fileURLToPath(new URL('../../web/app/screenshot.png', import.meta.url)) })
await page.setViewportSize({ width: 1120, height: 930 })
await page.goto(new URL('chat.html', server.url).href)
await page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()
await page.getByTestId('lose-server').click()
await page
  .getByTestId('column-server')
  .and(page.locator('[data-state="ended"]:not([data-seams="0"])'))
  .waitFor()
await page.getByTestId('column-device').and(page.locator('[data-state="ended"]')).waitFor()
await page.screenshot({ path: fileURLToPath(new URL('../../web/app/chat.png', import.meta.url)) })
await browser.close()
await server.stop()
