import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { TestServer } from './server.ts'

/** The longest waits for an answer, in milliseconds. Elsewhere than on Linux both are the wall clock's. */
export interface HealthWaits {
  /** The server's main thread computed so long before it answered: its own time, however busy the machine is. */
  readonly ranMs: number
  /** Until the answer, but for the time in which other processes had the cores that server and prober were ready for. */
  readonly waitMs: number
}

export interface HealthProber {
  /** The waits since the last call. */
  longest(): Promise<HealthWaits>
  stop(): Promise<void>
}

/** Probes from a thread of its own: the test's thread is busy with its large bodies. */
export function startHealthProber({ url, pid }: Pick<TestServer, 'url' | 'pid'>): HealthProber {
  const worker = new Worker(new URL('./health-prober.mjs', import.meta.url), {
    workerData: { url: new URL('v2/health/live', url).href, pid },
  })
  return {
    longest: async () => {
      worker.postMessage('report')
      const [longest] = await once(worker, 'message')
      return longest
    },
    stop: async () => {
      await worker.terminate()
    },
  }
}
