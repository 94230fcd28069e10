import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let browser: Browser
beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launchBrowser()])
})
afterAll(async () => {
  await browser.close()
  await server.stop()
})

test('the page of the API shows the server’s routes and sends requests, with everything from the server itself', async () => {
  const context = await browser.newContext()
  const origins = new Set<string>()
  context.on('request', (request) => origins.add(new URL(request.url()).origin))
  const faults: string[] = []
  context.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  const { page, errors } = await openPage(context, new URL('openapi', server.url))
  const operation = page.locator('#operations-Health-getV2HealthReady')
  await operation.waitFor()
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor()
  await page.locator('#operations-Inference-postV2ModelsNameInfer .opblock-summary-control').click()
  await expect.poll(() => page.locator('select option', { hasText: 'digits' }).count()).toBeGreaterThan(0)
  expect([...origins]).toEqual([server.url.origin])
  expect([...faults, ...errors]).toEqual([])
  await context.close()
})
