import { SpillwayError } from './error.ts'

/** How the next token is chosen. An absent field is as the model's manifest says, else off. */
export interface Sampling {
  /** 0 is greedy: always the most likely token. */
  readonly temperature?: number | undefined
  /** Keeps the k most likely tokens. */
  readonly topK?: number | undefined
  /** Keeps the most likely tokens that together have this probability. */
  readonly topP?: number | undefined
  /** Keeps tokens at least this fraction as likely as the most likely token. */
  readonly minP?: number | undefined
  /** Divides the logits of tokens in the prompt and the text so far; 1 is off. */
  readonly repetitionPenalty?: number | undefined
  /** Subtracted from the logit of each generated token; 0 is off. */
  readonly presencePenalty?: number | undefined
  /** Subtracted from a token's logit for each time that it was generated; 0 is off. */
  readonly frequencyPenalty?: number | undefined
  /** Added to logits, by token id. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined
  /**
   * The same seed gives the same tokens for the same variant on the same backend, whatever else is in the batch: each
   * draw depends only on the seed and the token's position. Absent: a random seed, chosen once a request, before it reaches a lane.
   */
  readonly seed?: number | undefined
  /** Returns the log probability of each token, and of so many of the most likely ones. Absent: none. */
  readonly logprobs?: number | undefined
}

/** One for a whole request, so that every lane and tier that continues it draws with the same noise. */
export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 32)

/** The sampling of a request: its own fields, else the model's. The seed is always set. */
export const withDefaultSampling = (sampling: Sampling, defaults: Sampling = {}): Sampling => ({
  temperature: sampling.temperature ?? defaults.temperature,
  topK: sampling.topK ?? defaults.topK,
  topP: sampling.topP ?? defaults.topP,
  minP: sampling.minP ?? defaults.minP,
  repetitionPenalty: sampling.repetitionPenalty ?? defaults.repetitionPenalty,
  presencePenalty: sampling.presencePenalty ?? defaults.presencePenalty,
  frequencyPenalty: sampling.frequencyPenalty ?? defaults.frequencyPenalty,
  logitBias: sampling.logitBias ?? defaults.logitBias,
  seed: sampling.seed ?? defaults.seed ?? randomSeed(),
  logprobs: sampling.logprobs ?? defaults.logprobs,
})

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
    const value = Object.entries(sampling).find(([key]) => key === name)?.[1]
    if (value !== undefined && !(typeof value === 'number' && holds(value)))
      throw invalid(name, expected, value)
  }
  checkLogitBias(sampling.logitBias)
}

function checkLogitBias(logitBias: unknown): void {
  if (logitBias === undefined) return
  if (typeof logitBias !== 'object' || logitBias === null || Array.isArray(logitBias))
    throw invalid('logitBias', 'an object of numbers by token id', logitBias)
  for (const [token, bias] of Object.entries(logitBias)) {
    if (!/^\d+$/.test(token)) throw invalid('logitBias', 'token ids as names', token)
    // Minus infinity forbids a token.
    const isBias = typeof bias === 'number' && !Number.isNaN(bias) && bias !== Number.POSITIVE_INFINITY
    if (!isBias) throw invalid('logitBias', 'numbers', bias)
  }
}

const invalid = (name: string, expected: string, value: unknown) =>
  new SpillwayError('input_value_invalid', `The sampling parameter ${name} is not valid`, {
    expected,
    got: String(value),
  })
