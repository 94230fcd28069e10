import { SpillwayError } from '../../../../models/core/index.ts'
import { withTools } from '../parts/tools.ts'
import type { Prompt, TemplateArguments, TextRequest, Tokenizer } from '../types.ts'

/**
 * The tokens of a prompt.
 *
 * @param templateArguments For `messages`, as of `Tokenizer.chat`.
 * @throws SpillwayError `input_value_invalid` for a prompt without tokens; else as `Tokenizer.chat` does.
 */
export function promptTokensOf(
  {
    prompt,
    messages,
    tokens: given,
    tools,
    ...request
  }: Prompt & Pick<TextRequest, 'tools' | 'templateArguments'>,
  tokenizer: Tokenizer,
  templateArguments: TemplateArguments | undefined = request.templateArguments,
): readonly number[] {
  const tokens =
    given ??
    (messages
      ? tokenizer.chat(messages, withTools(templateArguments, tools, tokenizer))
      : tokenizer.encode(prompt ?? '', true))
  if (tokens.length > 0) return tokens
  throw new SpillwayError('input_value_invalid', 'The prompt is empty', {
    expected: 'at least one token',
    got: 'none',
    hint: 'This model has no token for the start of a text: pass some words.',
  })
}
