import type { Sampling } from '../../../models/core/sampling.ts'
import type { GeneratedToken } from '../../protocol/generation.ts'

/** Chooses the tokens of one sequence. It remembers the tokens that penalties count. */
export interface Sampler {
  /**
   * @param logits Of the whole vocabulary or, where the graph selects, of its k likeliest tokens. Read-only.
   * @param position The new token's index in the sequence.
   * @param allowed The tokens to choose from, one bit each, the lowest first. Default: all. Then the logits have no ids.
   * @throws SpillwayError `model_output_invalid` where the logits hold NaN or no finite number; `input_value_invalid` where
   * nothing that is allowed is left.
   */
  next(logits: Logits, position: number, allowed?: Int32Array): GeneratedToken
}

export interface Logits {
  /** The logits of the tokens in `ids`; without ids, of every token in order. */
  readonly values: Float32Array
  readonly ids?: Int32Array | undefined
  /** Logarithm of the sum of the exponentials of all logits. It comes with `ids`: only the graph sees them all. */
  readonly logSumExp?: number | undefined
}

export type CreateSampler = (
  sampling: Sampling,
  prompt: readonly number[],
  /** How many tokens at the prompt's end count as generated. */
  generated: number,
) => Sampler
