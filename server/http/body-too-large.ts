import { SpillwayError } from '../../models/core/index.ts'

export const bodyTooLarge = (maxBytes: number) =>
  new SpillwayError('body_too_large', 'The request body is too large', {
    expected: `at most ${maxBytes} bytes`,
    hint: 'Send fewer rows in one request.',
  })
