import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { startProgram } from './start-program.ts'

const run = promisify(execFile)
const environment = (server: URL) => ({
  NODE_ENV: 'production' as const,
  NEXT_TELEMETRY_DISABLED: '1',
  NEXT_PUBLIC_SPILLWAY_SERVER: server.href,
})
const unreachable =
  /code (?:ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT)/

/**
 * Installs what an application of Next.js names, with Spillway from a folder. Next.js is too large to be a dependency of
 * this repository (300 MB).
 *
 * @returns Why it could not, where the registry cannot be reached.
 */
export async function installNext(folder: string, spillway: string): Promise<string | undefined> {
  const path = join(folder, 'package.json')
  const manifest = JSON.parse(await readFile(path, 'utf8'))
  manifest.dependencies.spillway = `file:${spillway}`
  await writeFile(path, JSON.stringify(manifest))
  const options = ['--install-links', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  try {
    await run('npm', ['install', '--fetch-retries=0', ...options], { cwd: folder })
    return undefined
  } catch (error) {
    if (unreachable.test(String(error))) return 'Next.js is not installed, and the registry cannot be reached'
    throw error
  }
}

/** Builds the application and starts it. @param server The address of the Spillway server. @returns Its address. */
export async function startNext(folder: string, server: URL): Promise<URL> {
  const next = join(folder, 'node_modules/next/dist/bin/next')
  const env = environment(server)
  await run(process.execPath, [next, 'build'], { cwd: folder, env: { ...process.env, ...env } })
  const command = [process.execPath, next, 'start', '--port', '0'] as const
  const { match, stop } = await startProgram(command, /Local:\s+(http:\S+)\n/, { cwd: folder, env })
  onTestFinished(async () => {
    await stop()
  })
  return new URL(match[1] ?? '')
}
