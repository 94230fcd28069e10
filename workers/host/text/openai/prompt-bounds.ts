import { SpillwayError } from '../../../../models/core/index.ts'

/** What a model can read at most. */
export interface PromptBounds {
  /** Tokens of a prompt and its text together. */
  readonly context: number
  /** Number of tokens in the vocabulary, where it is known. */
  readonly vocabulary?: number | undefined
}

/** Characters of the longest tokens that vocabularies have, such as runs of spaces. */
const maxTokenLength = 128

/** Room for a chat template around the messages, in tokens. */
const templateTokens = 64

/**
 * Refuses a prompt that cannot fit the model before it is tokenized: tokenizing megabytes takes seconds, in which the
 * server would answer nobody.
 *
 * @throws SpillwayError `context_exceeded` for too long a prompt, `input_value_invalid` for a token that the model does
 * not have.
 */
export function checkPrompt(
  param: string,
  prompt: string | readonly number[],
  { context, vocabulary = Number.POSITIVE_INFINITY }: PromptBounds,
): void {
  if (typeof prompt === 'string') {
    const longest = (context + templateTokens) * maxTokenLength
    if (prompt.length <= longest) return
    throw new SpillwayError('context_exceeded', 'The prompt is too long for the model', {
      expected: `at most ${longest} characters, for a context of ${context} tokens`,
      got: `${prompt.length}`,
      param,
    })
  }
  const unknown = prompt.find((token) => token >= vocabulary)
  if (unknown === undefined) return
  throw new SpillwayError('input_value_invalid', 'The prompt has a token that the model does not have', {
    expected: `tokens below ${vocabulary}`,
    got: `${unknown}`,
    param,
  })
}

/** @throws SpillwayError `input_value_invalid` for a token that the model does not have: its bias would change nothing. */
export function checkBias(
  bias: Readonly<Record<string, number>> | null | undefined,
  { vocabulary = Number.POSITIVE_INFINITY }: PromptBounds,
): void {
  const unknown = Object.keys(bias ?? {}).find((token) => Number(token) >= vocabulary)
  if (unknown === undefined) return
  throw new SpillwayError('input_value_invalid', '"logit_bias" has a token that the model does not have', {
    expected: `tokens below ${vocabulary}`,
    got: unknown,
    param: `logit_bias.${unknown}`,
  })
}
