import type { SpillwayError } from '../../models/core/index.ts'
import { isDeviceLoss, type Lane } from '../../workers/host/lane-client/lane.ts'
import { tooLarge } from '../../workers/host/lane-client/node/memory-limit.ts'

/**
 * Why a lane ended: its process crashed or was killed, its GPU was lost, it gave no sign of life, did not answer a call in
 * time, grew beyond its memory limit, or the server had no more need of it. All but the last cost a restart where the lane
 * is needed again.
 */
export const laneEndCauses = ['crash', 'device', 'hung', 'timeout', 'memory', 'unneeded'] as const
export type LaneEndCause = (typeof laneEndCauses)[number]

/** Lanes that were started and that ended since the start of the server. */
export class LaneCounts {
  starts = 0
  readonly ends: Record<LaneEndCause, number> = {
    crash: 0,
    device: 0,
    hung: 0,
    timeout: 0,
    memory: 0,
    unneeded: 0,
  }

  watch(lane: Lane): Lane {
    this.starts++
    void lane.lost.then((reason) => {
      this.ends[causeOf(reason)]++
    })
    return lane
  }
}

function causeOf(reason: SpillwayError): LaneEndCause {
  const { code, message } = reason
  if (code === 'closed') return 'unneeded'
  if (isDeviceLoss(reason)) return 'device'
  if (message.startsWith('The lane is hung')) return 'hung'
  if (message.startsWith(tooLarge)) return 'memory'
  return message.startsWith('The lane did not answer') ? 'timeout' : 'crash'
}
