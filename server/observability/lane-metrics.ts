import type { Registry } from 'prom-client'
import type { LaneStats } from '../../workers/host/pool/pool.ts'
import type { Inference } from '../inference/inference.ts'
import { collectedCounter, collectedGauge } from './collected.ts'
import { laneEndCauses } from './lane-counts.ts'

const states = ['down', 'starting', 'idle', 'busy'] as const

/** `cpu` for lanes without a device. */
const deviceOf = ({ device = 'cpu' }: LaneStats): string => device

const devicesOf = (lanes: readonly LaneStats[]): ReadonlySet<string> =>
  new Set(lanes.length === 0 ? ['cpu'] : lanes.map(deviceOf))

/** Lanes, and the memory of the models in them. */
export function laneMetrics(registry: Registry, inference: Pick<Inference, 'stats' | 'laneCounts'>): void {
  collectedGauge(
    registry,
    'spillway_lanes',
    'Lanes by what they do now. A lane that is down starts when it is needed.',
    ['state', 'device'],
    function* () {
      const { lanes } = inference.stats()
      for (const device of devicesOf(lanes))
        for (const state of states)
          yield [
            { state, device },
            lanes.filter((lane) => lane.state === state && deviceOf(lane) === device).length,
          ]
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
