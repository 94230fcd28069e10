import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import type { Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { copyExample, packagesWithSpillway } from '../support/example-app.ts'
import { listen } from '../support/listen.ts'
import { openPage } from '../support/page.ts'
import { useSite } from '../support/site.ts'

const site = useSite()

let packages: string
beforeAll(async () => {
  packages = await packagesWithSpillway(['react', 'react-dom', 'scheduler'])
})
afterAll(() => rm(dirname(packages), { recursive: true }))

/** Builds an example as its README says, and opens it. */
async function openExample(name: string): Promise<{ page: Page; errors: string[] }> {
  const root = await copyExample(name, packages)
  vi.stubEnv('VITE_SPILLWAY_SERVER', site.server.url.href)
  onTestFinished(() => void vi.unstubAllEnvs())
  await build({ root, configFile: false, logLevel: 'error' })
  const server = await listen(new Hono().use(serveStatic({ root: join(root, 'dist') })))
  onTestFinished(() => server.close())
  const context = await site.browser.newContext()
  onTestFinished(() => context.close())
  return openPage(context, server.url)
}

describe('the example of', () => {
  test('React writes a text, runs a model and shows stats, in strict mode', async () => {
    const { page, errors } = await openExample('react')
    const part = (name: string) => page.locator(`[data-part="${name}"]`)
    await expect.poll(() => part('status').textContent()).toContain('ready')
    await page.getByRole('button', { name: 'Write' }).click()
    await expect.poll(() => part('text').textContent()).toMatch(/\w{3}/)
    await page.getByRole('button', { name: 'Stop' }).waitFor()
    await page.getByRole('button', { name: 'Write' }).waitFor()
    expect(await part('placement').textContent()).toMatch(/device|server/i)
    await page.getByRole('button', { name: 'Classify' }).click()
    await expect.poll(() => part('logits').textContent()).toBe('10 numbers')
    await expect.poll(() => part('requests').textContent()).toBe('Runs answered: 1')
    expect(errors).toEqual([])
  })
})
