import { SpillwayError } from './error.ts'

/** How the next token is chosen. What is absent is as the model's manifest says, else off. */
export interface Sampling {
  /** 0 is greedy: the most likely token, always. */
  readonly temperature?: number | undefined
  /** Only the k most likely. */
  readonly topK?: number | undefined
  /** Only the most likely that together have this probability. */
  readonly topP?: number | undefined
  /** Only those at least this share as likely as the likeliest. */
  readonly minP?: number | undefined
  /** Divides the logits of tokens in the prompt and the text so far; 1 is off. */
  readonly repetitionPenalty?: number | undefined
  /** Taken off the logit of each token that was generated; 0 is off. */
  readonly presencePenalty?: number | undefined
  /** Taken off the logit of each token for each time that it was generated; 0 is off. */
  readonly frequencyPenalty?: number | undefined
  /** Added to logits, by token id. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined
  /**
   * The same seed gives the same tokens, whatever else is in the batch: each draw depends on the seed and the
   * token's position alone. Absent: a seed of chance, made once a request, above the lanes.
   */
  readonly seed?: number | undefined
  /** Tells the log probability of each token, and those of so many of the likeliest. Absent: none are told. */
  readonly logprobs?: number | undefined
}

type Rule = readonly [expected: string, holds: (value: number) => boolean]

const finite: Rule = ['a finite number', Number.isFinite]
const share: Rule = ['a number from 0 to 1', (value) => value >= 0 && value <= 1]

const rules = {
  temperature: ['a finite number of at least 0', (value) => value >= 0 && Number.isFinite(value)],
  topK: ['a positive integer', (value) => Number.isSafeInteger(value) && value > 0],
  topP: ['a number above 0, up to 1', (value) => value > 0 && value <= 1],
  minP: share,
  repetitionPenalty: ['a finite number above 0', (value) => value > 0 && Number.isFinite(value)],
  presencePenalty: finite,
  frequencyPenalty: finite,
  seed: ['an integer', Number.isSafeInteger],
  logprobs: ['an integer of at least 0', (value) => Number.isSafeInteger(value) && value >= 0],
} as const satisfies Partial<Record<keyof Sampling, Rule>>

/** @throws SpillwayError `input_value_invalid`, naming the field. */
export function checkSampling(sampling: Sampling): void {
  for (const [name, [expected, holds]] of Object.entries(rules)) {
    const value = Object.entries(sampling).find(([given]) => given === name)?.[1]
    if (value !== undefined && !(typeof value === 'number' && holds(value)))
      throw invalid(name, expected, value)
  }
  for (const [token, bias] of Object.entries(sampling.logitBias ?? {})) {
    if (!/^\d+$/.test(token)) throw invalid('logitBias', 'token ids as names', token)
    // Minus infinity forbids a token.
    if (Number.isNaN(bias) || bias === Number.POSITIVE_INFINITY) throw invalid('logitBias', 'numbers', bias)
  }
}

const invalid = (name: string, expected: string, value: unknown) =>
  new SpillwayError('input_value_invalid', `The sampling parameter ${name} is not valid`, {
    expected,
    got: String(value),
  })
