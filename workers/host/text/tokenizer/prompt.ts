import { SpillwayError } from '../../../../models/core/index.ts'
import type { Prompt, Tokenizer } from '../types.ts'

/**
 * The tokens of a prompt.
 * @throws SpillwayError `input_value_invalid` for a prompt without tokens; else as `Tokenizer.chat` does.
 */
export function promptTokensOf(request: Prompt, tokenizer: Tokenizer): readonly number[] {
  const tokens = request.tokens ?? textTokens(request, tokenizer)
  if (tokens.length > 0) return tokens
  throw new SpillwayError('input_value_invalid', 'The prompt is empty', {
    expected: 'at least one token',
    got: 'none',
    hint: 'This model has no token for the start of a text: pass some words.',
  })
}

const textTokens = ({ prompt, messages }: Prompt, tokenizer: Tokenizer): readonly number[] =>
  messages ? tokenizer.chat(messages) : tokenizer.encode(prompt ?? '', true)
