import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { Ort } from './ort.ts'

/**
 * The error of a run that failed: `lane_lost` where the lane's device is lost, which is no fault of the run, so another
 * lane repeats it; else `memory_exhausted` or `run_failed`.
 */
export async function runFailure(ort: Ort, what: string, cause: unknown): Promise<SpillwayError> {
  const reason = await ort.lost(cause)
  if (reason !== undefined) return laneLost(reason, cause)
  return new SpillwayError(
    isOutOfMemory(cause) ? 'memory_exhausted' : 'run_failed',
    `ONNX Runtime failed ${what}: ${messageOf(cause)}`,
    {},
    { cause },
  )
}

export const laneLost = (reason: string, cause: unknown) =>
  new SpillwayError('lane_lost', `The lane ended: ${reason}`, {}, { cause })

/** Words of C++, V8, Dawn, CUDA and ONNX Runtime's own allocator: none of them gives a code. */
const outOfMemory =
  /bad_alloc|out of memory|not enough memory|failed to allocate|allocation failed|unable to grow|\bOOM\b/i

export const isOutOfMemory = (cause: unknown): boolean => outOfMemory.test(messageOf(cause))
