import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserFlags, findWholeBrowser } from '../support/find-browser.ts'
import { startHostPage } from '../support/host-page.ts'
import { launchBrowser, openPage } from '../support/page.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let host: Awaited<ReturnType<typeof startHostPage>>

beforeAll(async () => {
  server = await startServer()
  host = await startHostPage(new URL('embed.js', server.url))
})
afterAll(async () => {
  await host.stop()
  await server.stop()
})

describe('a browser', () => {
  const x64 = process.arch === 'x64'
  test.skipIf(!x64)(
    `without SIMD is answered by the server${x64 ? '' : ' (skipped: the flag that disables SIMD exists on x64 only)'}`,
    async () => {
      const old = await launchBrowser(['--js-flags=--no-enable-sse4-1'])
      const { page } = await openPage(await old.newContext(), host.url)
      await expect
        .poll(() => runDigits(page))
        .toMatchObject({ digit: 1, placement: { tier: 'server', reason: 'device-without-simd' } })
      expect(await failDigits(page, { policy: 'device' })).toMatchObject({ code: 'capacity_insufficient' })
      await old.close()
    },
  )

  test('that stores nothing for the page downloads at each visit, and works', async () => {
    const profile = await mkdtemp(join(tmpdir(), 'spillway-profile-'))
    await mkdir(join(profile, 'Default'))
    const blocked = { profile: { default_content_setting_values: { cookies: 2 } } }
    await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(blocked))
    const strict = await chromium.launchPersistentContext(profile, {
      executablePath: findWholeBrowser(),
      args: browserFlags,
    })
    const { page } = await openPage(strict, host.url)
    const opens = () =>
      page.evaluate(
        () =>
          new Promise<string>((resolve) => {
            try {
              const opening = indexedDB.open('probe')
              opening.onsuccess = () => resolve('open')
              opening.onerror = () => resolve('refused')
            } catch {
              resolve('refused')
            }
          }),
      )
    expect(await opens()).toBe('refused')
    for (let visit = 0; visit < 2; visit++) {
      await page.reload()
      const { digit, placement, progress } = await runDigits(page, { policy: 'device' })
      expect({ digit, tier: placement.tier }).toEqual({ digit: 1, tier: 'device' })
      expect(progress.at(-1)?.storedBytes).toBe(0)
    }
    await strict.close()
    await rm(profile, { recursive: true })
  })
})
