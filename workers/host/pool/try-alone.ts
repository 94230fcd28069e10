import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import type { LaneHolderOptions } from './lane-holder.ts'
import { LaneSessions } from './lane-sessions.ts'

/**
 * Loads a session in a lane of its own, which then ends: a crash there costs no other session. For those whose load has
 * cost lanes before.
 *
 * @param onStart Called with the lane, so that its owner can end it.
 * @throws SpillwayError Why it could not be loaded; `lane_failed` where the lane did not start.
 */
export async function tryAlone(
  spec: SessionSpec,
  { name, threads, startLane, clock, history }: LaneHolderOptions,
  withinMs: number,
  onStart: (lane: Lane) => void,
): Promise<void> {
  let lane: Lane | undefined
  try {
    lane = startLane(`${name}-trial`)
    onStart(lane)
    await lane.start({ threads })
    // The memory is taken for a moment only.
    const sessions = new LaneSessions(clock, async (_spec, reserve) => reserve(), history)
    await sessions.load(lane, spec, withinMs)
  } catch (cause) {
    if (cause instanceof SpillwayError && cause.code !== 'lane_lost') throw cause
    // Not `lane_lost`: no request was in the lane.
    throw new SpillwayError(
      'lane_failed',
      `No lane could be started to try ${spec.key}: ${messageOf(cause)}`,
      {},
      { cause },
    )
  } finally {
    lane?.kill(new SpillwayError('closed', 'The lane was started only to try a session'))
  }
}
