import { SpillwayError } from '../../models/index.ts'
import type { Work } from './work.ts'

/** Two lanes lost to one request is no accident: a third would only spread the harm. */
export const maxDeaths = 2

/** What a request is told that is not run again. */
export const finalError = (
  { work, deaths }: { readonly work: Work; readonly deaths: number },
  error: SpillwayError,
): SpillwayError =>
  deaths < maxDeaths
    ? error
    : new SpillwayError(
        'poisoned',
        `Two lanes died of one request to ${work.source.key}`,
        { got: error.message, hint: 'The request or the model is at fault; it is not tried again.' },
        { cause: error },
      )

export const closed = () => new SpillwayError('closed', 'The runtime was closed')

export const pastDeadline = (deadlineMs: number, queued: number) =>
  new SpillwayError('deadline_exceeded', 'The request was not answered in time', {
    expected: `an answer within ${deadlineMs} ms`,
    got: `none, with ${queued} more waiting`,
  })
