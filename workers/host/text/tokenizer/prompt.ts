import { SpillwayError } from '../../../../models/core/index.ts'
import type { Prompt, Tokenizer } from '../types.ts'

/**
 * A prompt as the model reads it.
 * @throws SpillwayError `input_value_invalid` for one of no tokens, and what the tokenizer's chat template says.
 */
export function promptTokensOf(request: Prompt, tokenizer: Tokenizer): readonly number[] {
  const tokens = request.tokens ?? textTokens(request, tokenizer)
  if (tokens.length > 0) return tokens
  throw new SpillwayError('input_value_invalid', 'The prompt is empty', {
    expected: 'at least one token',
    got: 'none',
    hint: 'This model has no token that begins a text: give it some words.',
  })
}

const textTokens = ({ prompt, messages }: Prompt, tokenizer: Tokenizer): readonly number[] =>
  messages ? tokenizer.chat(messages) : tokenizer.encode(prompt ?? '', true)
