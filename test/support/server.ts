import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const build = fileURLToPath(new URL('../../', import.meta.url))

/** The built server in a process of its own, on a free port. */
export interface TestServer {
  readonly url: URL
  readonly pid: number
  /** The lines of its log so far. */
  readonly log: readonly Record<string, unknown>[]
  /** What it wrote to stderr so far. */
  errorOutput(): string
  /** The process ids of its living lanes. */
  lanes(): number[]
  /** Suspends its lanes, so that their requests stay in flight; returns a function that resumes them. */
  freezeLanes(): () => void
  /** Closes its log's pipe. */
  deafen(): void
  /** Stops reading its log, whose pipe fills up. */
  pauseLog(): void
  resumeLog(): void
  /** Reads its log on and keeps none of it. */
  dropLog(): void
  /** Sends SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>
}

/** The tests' own variables are not the server's, which refuses those that it does not know. */
const withoutOurs = (env: NodeJS.ProcessEnv) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SPILLWAY_')))

/**
 * @param folder The folder with `dist/server`; the tests' own build where it is absent.
 * @param through A command and its arguments that run it, such as `taskset`.
 */
export async function startServer(
  env: Record<string, string> = {},
  folder = build,
  through: readonly string[] = [],
): Promise<TestServer> {
  const [command = '', ...args] = [...through, process.execPath, join(folder, 'dist/server/main.js')]
  const child = spawn(command, args, {
    env: { ...withoutOurs(process.env), PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A failed test leaves no server behind.
  const end = () => child.kill('SIGKILL')
  // Vitest ends its workers by SIGTERM, and no process that dies of a signal sees its exit.
  const endAtSignal = () => {
    end()
    process.kill(process.pid, 'SIGTERM')
  }
  process.once('exit', end)
  process.once('SIGTERM', endAtSignal)
  child.once('close', () => {
    process.off('exit', end)
    process.off('SIGTERM', endAtSignal)
  })
  const log: Record<string, unknown>[] = []
  let errors = ''
  child.stderr.on('data', (part: Buffer) => {
    errors += part
  })
  const url = await listening(child, log)
  await ready(url)
  const lanes = () =>
    log
      .filter(({ msg }) => msg === 'Lane started')
      .map(({ pid }) => Number(pid))
      .filter(isAlive)
  return {
    url,
    pid: child.pid ?? 0,
    log,
    errorOutput: () => errors,
    lanes,
    freezeLanes: () => {
      const frozen = lanes()
      for (const pid of frozen) process.kill(pid, 'SIGSTOP')
      return () => {
        for (const pid of frozen) if (isAlive(pid)) process.kill(pid, 'SIGCONT')
      }
    },
    deafen: () => child.stdout.destroy(),
    pauseLog: () => child.stdout.pause(),
    resumeLog: () => child.stdout.resume(),
    dropLog: () => child.stdout.removeAllListeners('data').resume(),
    stop: async () => {
      if (child.exitCode !== null) return child.exitCode
      child.kill('SIGTERM')
      // `close` comes after the last line of the log.
      const ended = child.stdout.isPaused() ? 'exit' : 'close'
      const [code] = await once(child, ended)
      return code
    },
  }
}

async function listening(child: ChildProcess, log: Record<string, unknown>[]): Promise<URL> {
  return new Promise((resolve, reject) => {
    let rest = ''
    let errors = ''
    child.stderr?.on('data', (part: Buffer) => {
      errors += part
    })
    child.stdout?.on('data', (part: Buffer) => {
      rest += part
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const entry: Record<string, unknown> = JSON.parse(line)
        log.push(entry)
        const address = /listens on (\S+)/.exec(String(entry.msg))?.[1]
        if (address) resolve(new URL(address))
      }
    })
    child.once('close', (code) =>
      reject(new Error(`The server ended with ${code}: ${log.map(({ msg }) => msg).join('; ')} ${errors}`)),
    )
  })
}

async function ready(url: URL): Promise<void> {
  // Before the time of a hook ends, whose error would not say why.
  const until = performance.now() + 100_000
  for (;;) {
    const response = await fetch(new URL('v2/health/ready', url))
    const answer = await response.text()
    // A model that has failed to load stays failed: there is nothing more to wait for.
    if (response.ok || !answer.includes('loading')) return
    if (performance.now() > until) throw new Error(`The server is not ready: ${answer}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
