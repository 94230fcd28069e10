import { SpillwayError } from '../../core/error.ts'
import type { Known } from '../infer/known.ts'
import type { Weight } from '../onnx/weight.ts'

/** What an operator's upgrade may use. */
export interface Context {
  readonly opset: number
  /** What is known of a value. */
  known(name: string): Known | undefined
  /** Adds a small weight and tells its name. */
  weight(weight: Weight): string
  fresh(wanted: string): string
}

export const tooOld = (what: string, expected: string): SpillwayError =>
  new SpillwayError('not_supported', what, {
    expected,
    hint: 'Export the model anew with a newer operator set.',
  })
