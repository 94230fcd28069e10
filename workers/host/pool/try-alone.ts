import { SpillwayError } from '../../../models/core/index.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import type { LaneHolderOptions } from './lane-holder.ts'
import { LaneSessions } from './lane-sessions.ts'

/**
 * Loads a session in a lane of its own, which then ends: a crash there costs no other session. For those whose load has
 * cost lanes before.
 *
 * @throws SpillwayError Why it could not be loaded.
 */
export async function tryAlone(
  spec: SessionSpec,
  { name, threads, startLane, clock, history }: LaneHolderOptions,
  withinMs: number,
): Promise<void> {
  const lane = startLane(`${name}-trial`)
  try {
    await lane.start({ threads })
    // The memory is taken for a moment only.
    const sessions = new LaneSessions(clock, async (_spec, reserve) => reserve(), history)
    await sessions.load(lane, spec, withinMs)
  } finally {
    lane.kill(new SpillwayError('closed', 'The lane was started only to try a session'))
  }
}
