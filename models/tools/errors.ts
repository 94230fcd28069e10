/** Errors in the content of files that several tools read. */
import { type ErrorDetail, SpillwayError } from '../core/error.ts'

/** A model file or a checkpoint violates its format. */
export const malformed = (what: string, detail: ErrorDetail = {}): SpillwayError =>
  new SpillwayError('model_invalid', what, detail)

/** A model's operators are too old for a pass. */
export const opsetTooOld = (what: string, expected: string): SpillwayError =>
  new SpillwayError('not_supported', what, {
    expected,
    hint: 'Export the model again with a newer operator set.',
  })

/** A file of samples does not fit the model's inputs. */
export const invalidSample = (where: string, expected: string, got: string): SpillwayError =>
  new SpillwayError('input_value_invalid', `${where} is not a sample`, { expected, got: got.slice(0, 120) })
