import { type GenerationSpec, SpillwayError } from '../../../models/core/index.ts'
import type { TokenRequest } from '../../protocol/generation.ts'

/** Why the model cannot continue the sequence; undefined where it can. */
export function sequenceFault(
  { prompt, maxTokens, adapter = 0 }: TokenRequest,
  { context, vocabulary, adapters = [] }: GenerationSpec,
): SpillwayError | undefined {
  if (prompt.length < 1 || prompt.length >= context) {
    return new SpillwayError('context_exceeded', 'The prompt does not fit the context', {
      expected: `1 to ${context - 1} tokens`,
      got: `${prompt.length}`,
      hint: 'Shorten it, or ask for its beginning to be left out.',
    })
  }
  if (!Number.isInteger(adapter) || adapter < 0 || adapter > adapters.length) {
    return new SpillwayError('input_value_invalid', 'The model has no such adapter', {
      expected: `0 to ${adapters.length}`,
      got: `${adapter}`,
    })
  }
  const unknown = prompt.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabulary)
  if (unknown === undefined && maxTokens >= 1) return undefined
  return new SpillwayError('input_value_invalid', 'The sequence cannot be continued', {
    expected: `tokens from 0 to ${vocabulary - 1}, and one new token at least`,
    got: unknown === undefined ? `${maxTokens} new tokens` : `the token ${unknown}`,
  })
}
