import type { Sampling } from '../../../models/core/sampling.ts'
import type { GeneratedToken } from '../../protocol/generation.ts'

/** Chooses tokens for one sequence; holds what penalties need. */
export interface Sampler {
  /**
   * @param logits Of the whole vocabulary, read-only; or, where the graph selects, those of its k likeliest tokens.
   * @param position Of the token that is chosen, counted from the sequence's first.
   * @throws SpillwayError `model_output_invalid` where the logits hold NaN or no finite number.
   */
  next(logits: Logits, position: number): GeneratedToken
}

export interface Logits {
  /** Of the tokens in `ids`; where there are no ids, of every token in order. */
  readonly values: Float32Array
  readonly ids?: Int32Array | undefined
  /** Logarithm of the sum of the exponentials of all logits; given with `ids`, where only the graph knows it. */
  readonly logSumExp?: number | undefined
}

export type CreateSampler = (
  sampling: Sampling,
  prompt: readonly number[],
  /** How many at the prompt's end count as generated. */
  generated: number,
) => Sampler
