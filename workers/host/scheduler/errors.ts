import { SpillwayError } from '../../../models/core/index.ts'

export const closed = () => new SpillwayError('closed', 'The runtime was closed')

/** @param queued Requests that wait beside it, where that is known. */
export const pastDeadline = (deadlineMs: number, queued?: number) =>
  new SpillwayError('deadline_exceeded', 'The request was not answered in time', {
    expected: `an answer within ${deadlineMs} ms`,
    got: queued === undefined ? 'none' : `none, with ${queued} more waiting`,
  })

interface Load {
  readonly maxQueued: number
  readonly queued: number
  readonly running: number
  /** About when half of the waiting requests will be done. */
  readonly retryAfterMs: number
}

export const overloaded = (what: string, { maxQueued, queued, running, retryAfterMs }: Load) =>
  new SpillwayError('overloaded', what, {
    expected: `fewer than ${maxQueued} waiting`,
    got: `${queued} waiting, ${running} running`,
    retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)),
    hint: 'Try again later, or send less at once.',
  })

/** @param waitMs Expected milliseconds until a request would run. */
export const tooLong = (waitMs: number, limitMs: number) =>
  new SpillwayError('overloaded', 'The request would wait too long', {
    expected: `a wait of at most ${Math.max(0, Math.round(limitMs))} ms`,
    got: `about ${Math.round(waitMs)} ms`,
    retryAfterMs: Math.max(1, Math.ceil(waitMs - Math.max(0, limitMs))),
    hint: 'Try again later, or send less at once.',
  })

/** @param culprit The request or sequence. */
export const poisoned = (culprit: string, cause: SpillwayError) =>
  new SpillwayError(
    'poisoned',
    `Two lanes died of ${culprit}`,
    { got: cause.message, hint: 'The request or the model is at fault; it is not tried again.' },
    { cause },
  )
