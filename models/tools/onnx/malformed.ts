import { type ErrorDetail, SpillwayError } from '../../core/error.ts'

/** What every refusal of a file's content is made of. */
export const malformed = (what: string, detail: ErrorDetail = {}): SpillwayError =>
  new SpillwayError('model_invalid', what, detail)
