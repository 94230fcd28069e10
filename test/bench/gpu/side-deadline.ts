import { systemClock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'

/** For one side with one variant. A lost device may leave its caller without an answer for ever. */
const minutes = 3

export const beforeDeadline = <T>(work: Promise<T>): Promise<T> =>
  withTimeout(
    systemClock,
    60_000 * minutes,
    work,
    () => new SpillwayError('deadline_exceeded', `it took more than ${minutes} minutes`),
  )
