/** What a lane is told of sequences to decode, and what it tells of them. Types only. */
import type { Sampling } from '../../models/core/sampling.ts'

/** One of the likeliest tokens at a position. */
export interface TokenLogprob {
  readonly token: number
  /** Natural logarithm of the probability, before penalties, temperature and filters. */
  readonly logprob: number
}

/** One generated token. */
export interface GeneratedToken {
  readonly token: number
  /** As `TokenLogprob`'s, where it was asked for. */
  readonly logprob?: number | undefined
  /** The likeliest at this place, best first, where they were asked for. */
  readonly top?: readonly TokenLogprob[] | undefined
}

/** `stop`: a stop token or stop string came; `length`: maxTokens or the context's end. */
export type FinishReason = 'stop' | 'length'

/** One sequence to continue, in tokens. */
export interface TokenRequest {
  /** All that is read before the first new token: at least one token. */
  readonly prompt: readonly number[]
  /**
   * Of the prompt's end, how many this stream generated before it came here. Penalties count them as generated;
   * positions, and so the draws, go on from the whole prompt.
   */
  readonly generated: number
  /** New tokens at most, not counting `generated`. */
  readonly maxTokens: number
  /** Tokens that end the sequence; the one that does is not handed out. */
  readonly stopTokens: readonly number[]
  readonly sampling: Sampling
}

/** Slots and their use now. */
export interface GeneratorLoad {
  readonly slots: number
  readonly running: number
  readonly waiting: number
  /** Tokens held in slots over those that fit, 0 to 1. */
  readonly kvUsage: number
}
