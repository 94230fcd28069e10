import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export const isRoot = () => process.getuid?.() === 0

/** Installs packages where Debian's can be: by root. Returns whether that worked. */
export function installDebian(packages: readonly string[]): boolean {
  if (!isRoot() || !existsSync('/etc/debian_version')) return false
  return (
    runInstaller('apt-get', ['update']) &&
    runInstaller('apt-get', ['install', '-y', '--no-install-recommends', ...packages])
  )
}

/** Runs a program that installs something, and says so. Returns whether it worked. */
export function runInstaller(program: string, args: readonly string[]): boolean {
  process.stderr.write(`Not installed, trying: ${program} ${args.join(' ')}\n`)
  const { status } = spawnSync(program, args, { stdio: ['ignore', 2, 2], timeout: 10 * 60_000 })
  return status === 0
}
