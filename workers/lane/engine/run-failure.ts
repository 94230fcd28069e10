import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import { ranOutOfMemory } from './memory.ts'
import type { Ort } from './ort.ts'

/** Why a run failed. Where the lane's device is gone that is no fault of what ran, and another lane will do it. */
export async function runFailure(ort: Ort, what: string, cause: unknown): Promise<SpillwayError> {
  const lost = await ort.lost()
  if (lost !== undefined) return laneLost(lost, cause)
  return new SpillwayError(
    ranOutOfMemory(cause) ? 'memory_exhausted' : 'run_failed',
    `ONNX Runtime failed ${what}: ${messageOf(cause)}`,
    {},
    { cause },
  )
}

export const laneLost = (reason: string, cause: unknown) =>
  new SpillwayError('lane_lost', `The lane ended: ${reason}`, {}, { cause })
