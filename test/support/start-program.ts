import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** A program in a process of its own. */
export interface TestProgram {
  /** What it printed that matched. */
  readonly match: RegExpExecArray
  /** Sends SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>
}

/**
 * Starts a program, and waits until it prints what matches.
 *
 * @throws Error With what it printed, where it ends before.
 */
export async function startProgram(
  command: readonly [string, ...string[]],
  expected: RegExp,
  { cwd, env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<TestProgram> {
  const [file, ...args] = command
  const child = spawn(file, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('close', () => process.off('exit', end))
  let printed = ''
  const match = await new Promise<RegExpExecArray>((resolve, reject) => {
    const read = (part: Buffer) => {
      printed += part
      const found = expected.exec(printed)
      if (found) resolve(found)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`${command.join(' ')} ended with ${code}: ${printed}`)))
  })
  return {
    match,
    stop: async () => {
      if (child.exitCode !== null) return child.exitCode
      child.kill('SIGTERM')
      const [code] = await once(child, 'close')
      return code
    },
  }
}
