import type { Registry } from 'prom-client'
import type { Inference } from '../inference/inference.ts'
import { collectedCounter, collectedGauge } from './collected.ts'
import { laneEndCauses } from './lane-counts.ts'

const states = ['down', 'starting', 'idle', 'busy'] as const

/** Lanes, and the memory of the models in them. */
export function laneMetrics(registry: Registry, inference: Pick<Inference, 'stats' | 'laneCounts'>): void {
  collectedGauge(
    registry,
    'spillway_lanes',
    'Lanes by what they do now. A lane that is down starts when it is needed.',
    ['state'],
    function* () {
      const { lanes } = inference.stats()
      for (const state of states) yield [{ state }, lanes.filter((lane) => lane.state === state).length]
    },
  )
  collectedCounter(registry, 'spillway_lane_starts_total', 'Lanes started.', [], () => [
    [{}, inference.laneCounts.starts],
  ])
  collectedCounter(
    registry,
    'spillway_lane_ends_total',
    'Lanes ended: crashed or killed, hung, too late with an answer, beyond their memory limit, or no longer needed.',
    ['cause'],
    function* () {
      for (const cause of laneEndCauses) yield [{ cause }, inference.laneCounts.ends[cause]]
    },
  )
  collectedGauge(
    registry,
    'spillway_memory_bytes',
    'Bytes of the models in all lanes, by their manifests, and the most that they may take.',
    ['kind'],
    () => {
      const { usedBytes, budgetBytes } = inference.stats().memory
      return [
        [{ kind: 'used' }, usedBytes],
        [{ kind: 'budget' }, budgetBytes],
      ]
    },
  )
}
