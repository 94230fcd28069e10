import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface HealthProber {
  /** The longest wait for an answer, in milliseconds, since the last call. */
  longestMs(): Promise<number>
  stop(): Promise<void>
}

/** Probes from a thread of its own: the test's thread is busy with its large bodies. */
export function startHealthProber(server: URL): HealthProber {
  const worker = new Worker(new URL('./health-prober.mjs', import.meta.url), {
    workerData: { url: new URL('v2/health/live', server).href },
  })
  return {
    longestMs: async () => {
      worker.postMessage('report')
      const [longestMs] = await once(worker, 'message')
      return longestMs
    },
    stop: async () => {
      await worker.terminate()
    },
  }
}
