import { SpillwayError } from '../../../../models/core/index.ts'

/** @param param As OpenAI's API names it: `messages[0].role`. */
export const invalidParameter = (param: string, expected: string, got?: string) =>
  new SpillwayError('request_malformed', `The request is invalid at ${param || 'its root'}`, {
    expected,
    ...(got === undefined ? {} : { got }),
    ...(param === '' ? {} : { param }),
  })
