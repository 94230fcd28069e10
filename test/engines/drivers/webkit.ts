import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../support/free-port.ts'
import { poll } from '../../support/poll.ts'
import { startProgram } from '../../support/start-program.ts'
import type { EngineDriver, WindowKind } from './engine-driver.ts'
import { findProgram } from './find-program.ts'
import { openWebDriver } from './webdriver.ts'

/** WebKitGTK's own browser is beside its libraries. */
const browsers = ['x86_64', 'aarch64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu/webkit2gtk-4.1/MiniBrowser`)

const find = () => ({
  driver: findProgram(['WebKitWebDriver']),
  browser: findProgram([], browsers),
  display: findProgram(['Xvfb']),
})

/** Under a driver every window is private. Where storage is switched off, pages have no `indexedDB` at all. */
const options: Readonly<Record<WindowKind, readonly string[]>> = {
  usual: [],
  private: ['--private'],
  blocked: ['--enable-html5-database=false', '--enable-html5-local-storage=false'],
}

/** WebKitGTK, by WebDriver, on a display in memory. */
export const webkit: EngineDriver = {
  missing: () => {
    const { driver, browser, display } = find()
    const all = [
      [driver, 'WebKitWebDriver'],
      [browser, "WebKitGTK's MiniBrowser"],
      [display, 'Xvfb'],
    ] as const
    const names = all.filter(([path]) => path === undefined).map(([, name]) => name)
    if (names.length === 0) return undefined
    return `not installed: ${names.join(', ')} (Debian: webkit2gtk-driver xvfb)`
  },
  open: async (kind) => {
    const { driver = '', browser, display = '' } = find()
    const profile = await mkdtemp(join(tmpdir(), 'spillway-webkit-'))
    const screen = await startProgram(
      [display, '-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'],
      /^(\d+)$/m,
    )
    const started = await startDriver(driver, {
      DISPLAY: `:${screen.match[1]}`,
      XDG_DATA_HOME: profile,
      XDG_CACHE_HOME: profile,
    })
    const stop = async () => {
      started.stop()
      await screen.stop()
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    }
    try {
      const browserOptions = { binary: browser, args: ['--automation', ...options[kind]] }
      const window = await openWebDriver(started.url, { 'webkitgtk:browserOptions': browserOptions })
      return {
        ...window,
        close: async () => {
          await window.close().finally(stop)
        },
      }
    } catch (cause) {
      await stop()
      throw cause
    }
  },
}

/** Starts the driver in a process group, which its browsers share. */
async function startDriver(program: string, env: Readonly<Record<string, string>>) {
  const port = await freePort()
  const child = spawn(program, [`--port=${port}`], {
    detached: true,
    env: { ...process.env, ...env },
    stdio: 'ignore',
  })
  const stop = () => {
    process.off('exit', stop)
    if (child.pid === undefined || child.exitCode !== null) return
    process.kill(-child.pid, 'SIGKILL')
  }
  process.once('exit', stop)
  const url = new URL(`http://127.0.0.1:${port}/`)
  const isUp = () =>
    fetch(new URL('status', url)).then(
      ({ ok }) => ok,
      () => false,
    )
  if (await poll(isUp, (up) => up)) return { url, stop }
  stop()
  throw new Error(`${program} does not answer on port ${port}`)
}
