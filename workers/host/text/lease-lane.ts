import { SpillwayError } from '../../../models/core/index.ts'
import type { LeasedLane } from '../pool/lane-holder.ts'
import type { Pool } from '../pool/pool.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import type { SessionSpec } from '../scheduler/work.ts'

/** Attempts to load a model that is evicted before its lane can be leased. */
const attempts = 3

/**
 * Leases a lane with a model. Where no lane has it, it is loaded, in its turn.
 * @throws SpillwayError `lane_failed`, or why the model could not be loaded.
 */
export async function leaseLane<S extends SessionSpec>(
  scheduler: Scheduler<S>,
  pool: Pool,
  source: S,
): Promise<LeasedLane> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const leased = pool.lease(source)
    if (leased) return leased
    await scheduler.prepare(source)
  }
  throw new SpillwayError('lane_failed', `${source.key} was evicted ${attempts} times before it could run`, {
    hint: 'Other models use the memory that it needs.',
  })
}
