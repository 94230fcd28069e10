import { SpillwayError } from '../../../models/core/index.ts'
import type { LeasedLane } from '../pool/lane-holder.ts'
import type { Pool } from '../pool/pool.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import type { SessionSpec } from '../scheduler/work.ts'

/** Times that a model is loaded that leaves its lane before it can be held. */
const attempts = 3

/** A lane of the pool with the model in it: loaded, in its turn, where no lane has it. */
export async function leaseLane<S extends SessionSpec>(
  scheduler: Scheduler<S>,
  pool: Pool,
  source: S,
): Promise<LeasedLane> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const held = pool.lease(source)
    if (held) return held
    await scheduler.prepare(source)
  }
  throw new SpillwayError('lane_failed', `${source.key} does not stay in a lane`, {
    hint: 'Other models take the memory that it needs.',
  })
}
