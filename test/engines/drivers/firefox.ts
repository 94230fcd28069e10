import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineDriver, WindowKind } from './engine-driver.ts'
import { findProgram } from './find-program.ts'
import { openPuppeteer } from './puppeteer-window.ts'

const programs = ['firefox-esr', 'firefox']
const applications = ['/Applications/Firefox.app/Contents/MacOS/firefox']

const preferences: Readonly<Record<WindowKind, Record<string, unknown>>> = {
  usual: {},
  private: { 'browser.privatebrowsing.autostart': true },
  // As a visitor blocks all cookies and site data.
  blocked: { 'network.cookie.cookieBehavior': 2 },
}

const find = () => findProgram(programs, applications)

/** Firefox, by WebDriver BiDi. */
export const firefox: EngineDriver = {
  missing: () => (find() === undefined ? 'not installed (Debian: firefox-esr)' : undefined),
  open: async (kind) => {
    const profile = await mkdtemp(join(tmpdir(), 'spillway-firefox-'))
    const window = await openPuppeteer({
      browser: 'firefox',
      executablePath: find() ?? 'firefox',
      userDataDir: profile,
      extraPrefsFirefox: preferences[kind],
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
