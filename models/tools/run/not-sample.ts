import { SpillwayError } from '../../core/error.ts'

export const notSample = (where: string, expected: string, got: string): SpillwayError =>
  new SpillwayError('input_value_invalid', `${where} is no sample`, { expected, got: got.slice(0, 120) })
