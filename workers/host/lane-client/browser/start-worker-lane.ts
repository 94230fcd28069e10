import type { Clock } from '../../../../models/async/clock.ts'
import workerUrl from '../../../lane/browser/entry.ts?worker&url'
import { connectLane, isLaneLost, type Lane, type LaneLimits } from '../lane.ts'
import { createWorker } from './create-worker.ts'
import { fileAddress } from './file-address.ts'
import { runtimeFiles } from './runtime-files.ts'

export interface WorkerLaneOptions {
  readonly limits?: LaneLimits
  /** ONNX Runtime, compiled. Without it the lane fetches the runtime itself. */
  readonly runtime?: () => Promise<WebAssembly.Module>
}

/** Starts a lane in a new Web Worker. */
export function startWorkerLane(
  name: string,
  clock: Clock,
  { runtime, limits }: WorkerLaneOptions = {},
): Lane {
  const lane = startLaneFrom(new URL(fileAddress(workerUrl)), name, clock, limits)
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
export function startLaneFrom(script: URL, name: string, clock: Clock, limits?: LaneLimits): Lane {
  const { worker, terminate, endReason } = createWorker(script, name, runtimeFiles())
  return connectLane(
    {
      endpoint: worker,
      // A worker that computes cannot give signs of life, and has no thread of its own for them.
      isAskedWhenIdle: true,
      terminate,
      onEnd: (ended) => {
        worker.addEventListener('error', (event) => ended(endReason(event)))
        worker.addEventListener('messageerror', () => ended('a message could not be read'))
        worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
          if (isLaneLost(data)) ended(data.reason)
        })
      },
    },
    clock,
    limits,
  )
}
