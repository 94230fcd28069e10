/** Errors that several tools throw of a file's content. */
import { type ErrorDetail, SpillwayError } from '../core/error.ts'

/** A model file, or a checkpoint, that breaks its format. */
export const malformed = (what: string, detail: ErrorDetail = {}): SpillwayError =>
  new SpillwayError('model_invalid', what, detail)

/** A model whose operators are older than a pass can read. */
export const opsetTooOld = (what: string, expected: string): SpillwayError =>
  new SpillwayError('not_supported', what, {
    expected,
    hint: 'Export the model anew with a newer operator set.',
  })

/** A file of samples that does not fit the model's inputs. */
export const invalidSample = (where: string, expected: string, got: string): SpillwayError =>
  new SpillwayError('input_value_invalid', `${where} is not a sample`, { expected, got: got.slice(0, 120) })
