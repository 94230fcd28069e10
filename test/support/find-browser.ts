import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { chromium } from 'playwright-core'
import { installDebian, isRoot, runInstaller } from './install-debian.ts'

/** Chromium without windows: a page costs it a third of the time, since windows are pages as well. */
const shells = ['chromium-headless-shell', 'chrome-headless-shell']

const programs = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome']

const installed = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
]

/** WebGPU, and no background requests. */
const commonFlags = [
  '--enable-unsafe-webgpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Chromium's sandbox does not start as root, the user in containers.
  ...(isRoot() ? ['--no-sandbox'] : []),
]

/** The flags for WebGPU without a GPU, in headless mode. */
export const browserFlags = ['--use-webgpu-adapter=swiftshader', ...commonFlags]

/**
 * The flags for the GPU of a Linux machine, in headless mode, as tried on an NVIDIA H200. Without ANGLE on Vulkan,
 * Chromium stays on SwiftShader; without the third flag, too, where the driver cannot draw without a display.
 */
export const hardwareFlags = [
  '--enable-features=Vulkan',
  '--use-angle=vulkan',
  '--disable-vulkan-surface',
  '--ignore-gpu-blocklist',
  // Chromium hides 16-bit floats from NVIDIA's drivers before 615.71.
  '--enable-dawn-features=vulkan_enable_f16_on_nvidia',
  ...commonFlags,
]

/** The path of a Chromium for the tests: CHROMIUM_PATH, one without windows, else a whole one. */
export const findBrowser = (): string => find(() => onPath(shells) ?? locate())

/** The path of a Chromium with all that visitors have, extensions and private windows among it. */
export const findWholeBrowser = (): string => find(locate)

function find(search: () => string | undefined): string {
  const named = process.env.CHROMIUM_PATH
  if (named) {
    if (existsSync(named)) return named
    throw new Error(`CHROMIUM_PATH is ${named}, but this file does not exist.`)
  }
  const found = search() ?? (install() ? search() : undefined)
  if (found) return found
  throw new Error(
    'No browser for the tests. Install Chromium or Chrome, or set CHROMIUM_PATH (Debian: apt-get install chromium).',
  )
}

const locate = () =>
  onPath(programs) ?? [...installed, chromium.executablePath()].find((path) => existsSync(path))

const onPath = (names: readonly string[]) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path))

const install = () => installPlaywright() || installDebian(['chromium', 'chromium-headless-shell'])

function installPlaywright(): boolean {
  const cli = join(dirname(createRequire(import.meta.url).resolve('playwright-core/package.json')), 'cli.js')
  const systemLibraries = process.platform === 'linux' && isRoot() ? ['--with-deps'] : []
  return runInstaller(process.execPath, [cli, 'install', ...systemLibraries, 'chromium'])
}
