import { type ChildProcess, fork } from 'node:child_process'
import type { Done, Task } from './client.ts'

export interface BenchServer {
  readonly url: URL
  readonly pid: number
  /** The event loop's p99 delay in milliseconds since the last call. */
  delay(): Promise<number>
  stop(): void
}

/** Starts one of the bench's servers in a process of its own. */
export async function start(file: string, folders: readonly string[]): Promise<BenchServer> {
  const child = fork(file, [...folders], { execArgv: [] })
  const { port } = await message<{ port: number }>(child)
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    pid: child.pid ?? 0,
    delay: async () => {
      child.send('delay')
      return (await message<{ p99: number }>(child)).p99
    },
    stop: () => child.kill('SIGKILL'),
  }
}

export interface Client {
  load(task: Task): Promise<Done>
  stop(): void
}

/** Starts the load's client in a process of its own. */
export function startClient(file: string): Client {
  const child = fork(file, { execArgv: [], serialization: 'advanced' })
  return {
    load: (task) => {
      child.send(task)
      return message<Done>(child)
    },
    stop: () => child.kill('SIGKILL'),
  }
}

const message = <T>(child: ChildProcess) =>
  new Promise<T>((resolve, reject) => {
    const end = (code: number | null) => reject(new Error(`A process of the bench ended with ${code}`))
    child.once('exit', end)
    child.once('message', (message) => {
      child.off('exit', end)
      resolve(message as T)
    })
  })
