import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { chromium } from 'playwright-core'

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
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
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
  ...commonFlags,
]

/** The path of a Chromium for the tests: CHROMIUM_PATH, the system's, Playwright's, else one that is installed now. */
export function findBrowser(): string {
  const found = locate() ?? (installPlaywright() || installDebian() ? locate() : undefined)
  if (found) return found
  throw new Error(
    'No browser for the tests. Install Chromium or Chrome, or set CHROMIUM_PATH (Debian: apt-get install chromium).',
  )
}

function locate(): string | undefined {
  const named = process.env.CHROMIUM_PATH
  if (named) {
    if (existsSync(named)) return named
    throw new Error(`CHROMIUM_PATH is ${named}, but this file does not exist.`)
  }
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => programs.map((program) => join(folder, program)))
  return [...onPath, ...installed, chromium.executablePath()].find((path) => existsSync(path))
}

const isRoot = () => process.getuid?.() === 0

function installPlaywright(): boolean {
  const cli = join(dirname(createRequire(import.meta.url).resolve('playwright-core/package.json')), 'cli.js')
  const systemLibraries = process.platform === 'linux' && isRoot() ? ['--with-deps'] : []
  return run(process.execPath, [cli, 'install', ...systemLibraries, 'chromium'])
}

function installDebian(): boolean {
  if (!isRoot() || !existsSync('/etc/debian_version')) return false
  return (
    run('apt-get', ['update']) && run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'])
  )
}

function run(program: string, args: string[]): boolean {
  process.stderr.write(`No browser found, trying: ${program} ${args.join(' ')}\n`)
  const { status } = spawnSync(program, args, { stdio: ['ignore', 2, 2], timeout: 10 * 60_000 })
  return status === 0
}
