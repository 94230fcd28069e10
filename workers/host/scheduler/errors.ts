import { SpillwayError } from '../../../models/core/index.ts'
import type { Work } from './work.ts'

/** Two lanes lost to one request is no accident: a third would only spread the harm. */
export const maxDeaths = 2

/** What a request is told that is not run again. */
export function finalError(
  { work, deaths }: { readonly work: Work; readonly deaths: number },
  error: SpillwayError,
): SpillwayError {
  if (deaths >= maxDeaths)
    return new SpillwayError(
      'poisoned',
      `Two lanes died of one request to ${work.source.key}`,
      { got: error.message, hint: 'The request or the model is at fault; it is not tried again.' },
      { cause: error },
    )
  // Where one row is too much it is the model that is, whatever was asked.
  if (error.code === 'memory_exhausted' && work.rows === 1)
    return new SpillwayError('capacity_insufficient', error.message, {}, { cause: error })
  return error
}

export const closed = () => new SpillwayError('closed', 'The runtime was closed')

export const pastDeadline = (deadlineMs: number, queued: number) =>
  new SpillwayError('deadline_exceeded', 'The request was not answered in time', {
    expected: `an answer within ${deadlineMs} ms`,
    got: `none, with ${queued} more waiting`,
  })
