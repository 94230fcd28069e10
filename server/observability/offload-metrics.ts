import type { Registry } from 'prom-client'
import type { Offload } from '../offload/offload.ts'
import { collectedGauge } from './collected.ts'

/** The thread for large bodies and answers. */
export function offloadMetrics(registry: Registry, offload: Pick<Offload, 'stats'>): void {
  collectedGauge(
    registry,
    'spillway_offload_tasks',
    'Large bodies, prompts and answers that wait for the thread which parses, tokenizes and writes them, and that are in it.',
    ['state'],
    () => {
      const { waiting, running } = offload.stats()
      return [
        [{ state: 'waiting' }, waiting],
        [{ state: 'running' }, running],
      ]
    },
  )
  collectedGauge(
    registry,
    'spillway_offload_bytes',
    'Bytes of what waits for that thread, and is in it.',
    [],
    () => [[{}, offload.stats().bytes]],
  )
}
