import { SpillwayError } from '../../../models/core/index.ts'
import type { Entry } from './entry.ts'
import { poisoned } from './errors.ts'

/** Lanes that may die of one request. Two are no accident, and a third would only spread the harm. */
export const maxDeaths = 2

/**
 * Whether a request of a failed batch runs again, and in batches of what size: alone after a lane's death, so that no
 * request is blamed for another; alone and whole where its rows do not stay its own in a batch; in half the batch after a
 * failed run, to find the bad request.
 */
export function mayRunAgain(entry: Entry, batchSize: number, { code }: SpillwayError): boolean {
  if (code === 'lane_lost') {
    entry.deaths++
    entry.maxBatchSize = 1
    return entry.deaths < maxDeaths
  }
  if (code === 'rows_dependent') {
    entry.maxBatchSize = 1
    return batchSize > 1 || entry.isPart
  }
  entry.maxBatchSize = Math.max(1, Math.floor(batchSize / 2))
  return (code === 'run_failed' || code === 'memory_exhausted') && batchSize > 1
}

/** The error of a request that does not run again. */
export function finalError({ work, deaths }: Entry, error: SpillwayError): SpillwayError {
  if (deaths >= maxDeaths) return poisoned(`one request to ${work.source.key}`, error)
  // Where one row is too much the model is too large, whatever the request.
  if (error.code === 'memory_exhausted' && work.rows === 1)
    return new SpillwayError('capacity_insufficient', error.message, {}, { cause: error })
  return error
}
