import type { Clock } from '../../../../models/async/clock.ts'
import workerUrl from '../../../lane/browser/entry.ts?worker&url'
import type { LaneLost } from '../../../protocol/lane.ts'
import { connectLane, type Lane } from '../lane.ts'
import { createWorker } from './create-worker.ts'

export interface WorkerLaneOptions {
  /** ONNX Runtime, compiled. Without it the lane fetches the runtime itself. */
  readonly runtime?: () => Promise<WebAssembly.Module>
}

/** Starts a lane in a new Web Worker. */
export function startWorkerLane(name: string, clock: Clock, { runtime }: WorkerLaneOptions = {}): Lane {
  const lane = startLaneFrom(new URL(workerUrl, import.meta.url), name, clock)
  if (!runtime) return lane
  const ended = lane.lost.then((reason) => Promise.reject(reason))
  ended.catch(() => undefined)
  return {
    ...lane,
    // A download has bounds of its own: the limit of a start begins when the runtime is here.
    start: async (request) => lane.start({ ...request, runtime: await Promise.race([runtime(), ended]) }),
  }
}

/** Starts a lane in a new Web Worker with another script. */
export function startLaneFrom(script: URL, name: string, clock: Clock): Lane {
  const { worker, terminate } = createWorker(script, name)
  return connectLane(
    {
      endpoint: worker,
      terminate,
      onEnd: (ended) => {
        worker.addEventListener('error', (event) => ended(event.message || 'its script did not load'))
        worker.addEventListener('messageerror', () => ended('a message could not be read'))
        worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
          if (isLaneLost(data)) ended(data.reason)
        })
      },
    },
    clock,
  )
}

const isLaneLost = (data: unknown): data is LaneLost =>
  typeof data === 'object' && data !== null && 'lane' in data && data.lane === 'lost'
