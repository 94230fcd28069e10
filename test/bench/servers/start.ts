import { fork } from 'node:child_process'
import { once } from 'node:events'

export interface Side {
  readonly url: URL
  readonly pid: number
  stop(): void
}

/** A bench's server in a process of its own, on the port that it was given. */
export async function start(file: string, folders: readonly string[]): Promise<Side> {
  const child = fork(file, [...folders], { execArgv: [] })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    pid: child.pid ?? 0,
    stop: () => child.kill('SIGKILL'),
  }
}
