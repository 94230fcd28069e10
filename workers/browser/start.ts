import type { Clock } from '../clock.ts'
import { connectLane, type Lane, type LaneLimits } from '../lane/lane.ts'
import type { LaneLost } from '../lane/protocol.ts'
import workerUrl from './entry.ts?worker&url'

/** A lane in a new Web Worker. */
export function startWorkerLane(name: string, clock: Clock, limits?: LaneLimits): Lane {
  const { worker, release } = createWorker(new URL(workerUrl, import.meta.url), name)
  return connectLane(
    {
      endpoint: worker,
      terminate: () => {
        release()
        worker.terminate()
      },
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

/** A worker's script must be of the page's own origin; a blob is, and may import the real one from elsewhere. */
function createWorker(url: URL, name: string): { worker: Worker; release: () => void } {
  if (url.origin === location.origin)
    return { worker: new Worker(url, { type: 'module', name }), release: () => {} }
  const blob = URL.createObjectURL(
    new Blob([`import ${JSON.stringify(url.href)}`], { type: 'text/javascript' }),
  )
  return { worker: new Worker(blob, { type: 'module', name }), release: () => URL.revokeObjectURL(blob) }
}

const isLaneLost = (data: unknown): data is LaneLost =>
  typeof data === 'object' && data !== null && 'lane' in data && data.lane === 'lost'
