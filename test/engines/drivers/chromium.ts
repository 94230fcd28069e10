import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { browserFlags, findWholeBrowser } from '../../support/find-browser.ts'
import type { EngineDriver } from './engine-driver.ts'
import { openPuppeteer } from './puppeteer-window.ts'

/** What a profile's settings are where a visitor blocks all site data. */
const blocked = { profile: { default_content_setting_values: { cookies: 2 } } }

/** Chromium, by its DevTools protocol. */
export const chromium: EngineDriver = {
  // The tests install one where there is none.
  missing: () => undefined,
  open: async (kind) => {
    const profile = await mkdtemp(join(tmpdir(), 'spillway-chromium-'))
    if (kind === 'blocked') {
      await mkdir(join(profile, 'Default'))
      await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(blocked))
    }
    const window = await openPuppeteer({
      browser: 'chrome',
      executablePath: findWholeBrowser(),
      userDataDir: profile,
      args: [...browserFlags, ...(kind === 'private' ? ['--incognito'] : [])],
    })
    return {
      ...window,
      close: async () => {
        await window.close()
        await rm(profile, { recursive: true, force: true, maxRetries: 5 })
      },
    }
  },
}
