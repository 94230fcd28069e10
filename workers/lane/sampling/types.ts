import type { SpillwayError } from '../../../models/core/index.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import type { GeneratedToken } from '../../protocol/generation.ts'
import type { OrtTensor } from '../runtime/ort.ts'

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
  /** As of a `Choice`. */
  recount(gone: readonly number[], come: readonly number[]): void
}

export interface Logits {
  /** The logits of the tokens in `ids`; without ids, of every token in order. */
  readonly values: Float32Array
  readonly ids?: Int32Array | undefined
  /** Logarithm of the sum of the exponentials of all logits. It comes with `ids`: only the graph sees them all. */
  readonly logSumExp?: number | undefined
}

/** A row of the logits that the last run left where the model runs. */
export interface DeviceLogits {
  readonly row: number
}

/** What a chooser remembers of one sequence: its sampling, and the tokens that penalties count. */
export interface Choice {
  /**
   * Penalties no longer count the tokens that are gone, and count those that have come in another way than by a choice.
   * Not to be called while tokens are being chosen.
   */
  recount(gone: readonly number[], come: readonly number[]): void
  close(): void
}

/** A row of a step: the sequence, and what its next token is chosen from. */
export interface ChoiceRow {
  readonly choice: Choice
  readonly logits: Logits | DeviceLogits
  /** The new token's index in the sequence. */
  readonly position: number
  /** As `Sampler.next` takes it. */
  readonly allowed?: Int32Array | undefined
}

/** A row's token, or why it has none: an error of `Sampler.next`. */
export type Chosen = GeneratedToken | SpillwayError

/** Chooses tokens where the logits are: on the CPU, or on the GPU. By the same logits and seed, both choose the same. */
export interface Chooser {
  /** @throws SpillwayError `input_value_invalid` */
  open(sampling: Sampling, prompt: readonly number[], generated: number): Choice
  /**
   * Starts to choose a token for each row. On a GPU the next run may be started before the tokens are read: what it
   * needs is in `device.tokens`. Calls are answered in their order.
   * @throws Error where the device fails.
   */
  choose(rows: readonly ChoiceRow[]): Promise<readonly Chosen[]>
  /**
   * Chooses one sequence's tokens after some that are only proposed, one row more than these. Each row is chosen from as if
   * the tokens proposed before it had come. Not to be called while tokens of the sequence are being chosen.
   * @returns What is chosen after each, as far as the tokens before it are those that were chosen. Nothing else is counted.
   * @throws Error where the device fails.
   */
  verify(rows: readonly ChoiceRow[], proposed: readonly number[]): Promise<readonly Chosen[]>
  /** A copy of logits that may wait while others run. */
  keep(logits: Logits | DeviceLogits): Promise<Logits>
  /** Tensors that runs share with the chooser; absent where logits are read by the CPU. */
  readonly device?: DeviceTensors
  close(): void
}

/** Tensors on the device of the model's runs. They are good until one of more rows is asked for. */
export interface DeviceTensors {
  /** For a run to write the logits after so many tokens of each row into, one by default: `[rows, tokens, vocabulary]`. */
  logits(rows: number, tokens?: number): OrtTensor
  /** The tokens that were chosen last, by the row of their logits: `[rows, 1]`, int64. */
  tokens(rows: number): OrtTensor
}

export type CreateSampler = (
  sampling: Sampling,
  prompt: readonly number[],
  /** How many tokens at the prompt's end count as generated. */
  generated: number,
) => Sampler
