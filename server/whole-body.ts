import { SpillwayError } from '../models/index.ts'

/** A request's body once all of it is here. One that breaks off is its client's leaving, and no fault of the server's. */
export const wholeBody = <T>(body: Promise<T>): Promise<T> =>
  body.catch((cause: unknown) => {
    throw SpillwayError.from(cause, 'aborted', 'The request broke off')
  })
