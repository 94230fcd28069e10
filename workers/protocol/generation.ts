/** Sequences to decode and the tokens that come of them. Types only. */
import type { Sampling } from '../../models/core/sampling.ts'
import type { AnswerForm } from './answer-form.ts'

/** One of the likeliest tokens at a position. */
export interface TokenLogprob {
  readonly token: number
  /** Natural logarithm of the probability, before penalties, temperature and filters. */
  readonly logprob: number
}

/** One generated token. */
export interface GeneratedToken {
  readonly token: number
  /** As in `TokenLogprob`; present where the request asks for it. */
  readonly logprob?: number | undefined
  /** The likeliest tokens at this position, likeliest first; present where the request asks for them. */
  readonly top?: readonly TokenLogprob[] | undefined
}

/** `stop`: a stop token or stop string came. `length`: maxTokens or the end of the context was reached. */
export type FinishReason = 'stop' | 'length'

/** One sequence to continue, in tokens. */
export interface TokenRequest {
  /** All tokens before the first new one; at least one. */
  readonly prompt: readonly number[]
  /**
   * How many tokens at the prompt's end this stream generated before it moved here. Penalties count them as generated.
   * Positions, and so the draws, continue after the prompt.
   */
  readonly generated: number
  /** The most new tokens, not counting `generated`. */
  readonly maxTokens: number
  /** Tokens that end the sequence. The one that does is not part of the result. */
  readonly stopTokens: readonly number[]
  readonly sampling: Sampling
  /** The adapter in the graph, from 1 on. Absent: the model itself. */
  readonly adapter?: number | undefined
  /** Whether the host may end the sequence by its text, at a stop string: no step is started ahead of its tokens then. */
  readonly endsByText?: boolean | undefined
  /** Holds the generated tokens, `generated` included, to a form. */
  readonly format?: TokenFormat | undefined
}

/** The form of a sequence. It can be told from the tokens so far at any time: it has no state that would have to move. */
export interface TokenFormat {
  readonly format: AnswerForm
  /**
   * The bytes of all tokens, as `vocabularyOf` writes them. A lane keeps them: absent where it was given them before.
   */
  readonly vocabulary?: string | undefined
  /** Tokens that never come, though the form may have their bytes: markers that this sequence does not show. */
  readonly forbidden?: readonly number[] | undefined
}

/** Slots and their use now. */
export interface GeneratorLoad {
  readonly slots: number
  readonly running: number
  readonly waiting: number
  /** Tokens held in slots over those that fit, 0 to 1. */
  readonly kvUsage: number
}
