import { SpillwayError } from '../../../models/index.ts'
import type { Sampling } from '../types.ts'

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
