import type { Clock } from '../../../../models/async/clock.ts'
import workerUrl from '../../../lane/browser/entry.ts?worker&url'
import type { LaneLost } from '../../../protocol/lane.ts'
import { connectLane, type Lane, type LaneLimits } from '../lane.ts'
import { createWorker } from './create-worker.ts'

/** Starts a lane in a new Web Worker. */
export const startWorkerLane = (name: string, clock: Clock, limits?: LaneLimits): Lane =>
  startLaneFrom(new URL(workerUrl, import.meta.url), name, clock, limits)

/** Starts a lane in a new Web Worker with another script. */
export function startLaneFrom(script: URL, name: string, clock: Clock, limits?: LaneLimits): Lane {
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
    limits,
  )
}

const isLaneLost = (data: unknown): data is LaneLost =>
  typeof data === 'object' && data !== null && 'lane' in data && data.lane === 'lost'
