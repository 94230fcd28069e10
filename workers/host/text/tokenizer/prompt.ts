import { SpillwayError } from '../../../../models/core/index.ts'
import { withTools } from '../parts/tools.ts'
import type { ChatMessage, Prompt, TemplateArguments, TextRequest, Tokenizer } from '../types.ts'
import { dropTurns } from './drop-turns.ts'

/** A prompt, and how much of it is read. */
export type PromptRequest = Prompt &
  Pick<TextRequest, 'tools' | 'templateArguments' | 'truncation' | 'maxTokens'>

/** A prompt as the model reads it. */
export interface ReadPrompt {
  readonly tokens: readonly number[]
  /** Messages that were left out: the first ones after the system's. */
  readonly droppedMessages: number
}

/**
 * Reads a prompt: the same tokens wherever its text is written.
 *
 * @param contextLength Tokens that the model reads at most. Only a request with a `truncation` is held to it.
 * @param templateArguments For `messages`, as of `Tokenizer.chat`.
 * @throws SpillwayError `input_value_invalid` for a prompt without tokens; `context_exceeded` where what `auto` may not leave
 * out is too long; else as `Tokenizer.chat` does.
 */
export function readPrompt(
  request: PromptRequest,
  tokenizer: Tokenizer,
  contextLength: number,
  templateArguments: TemplateArguments | undefined = request.templateArguments,
): ReadPrompt {
  const { prompt, messages, tokens, tools, truncation } = request
  if (tokens) return readTokens(tokens, request, contextLength)
  if (!messages) return readTokens(tokenizer.encode(prompt, true), request, contextLength)
  const variables = withTools(templateArguments, tools, tokenizer)
  const chat = (kept: readonly ChatMessage[]) => tokenizer.chat(kept, variables)
  if (truncation !== 'auto') return readTokens(chat(messages), request, contextLength)
  const room = { contextLength, promptLength: promptLength(request, contextLength) }
  const read = dropTurns(messages, room, { chat, encode: (text) => tokenizer.encode(text, false) })
  if (read.tokens.length < contextLength) return read
  throw new SpillwayError('context_exceeded', "The chat's last turn is longer than the model reads", {
    expected: `fewer than ${contextLength} tokens, with the system's messages`,
    got: `${read.tokens.length}`,
    hint: 'Shorten it: the turns before it are left out already.',
  })
}

/** The tokens without their beginning, where `start` asks for it and they are too many. */
function readTokens(tokens: readonly number[], request: PromptRequest, contextLength: number): ReadPrompt {
  if (tokens.length === 0) {
    throw new SpillwayError('input_value_invalid', 'The prompt is empty', {
      expected: 'at least one token',
      got: 'none',
      hint: 'This model has no token for the start of a text: pass some words.',
    })
  }
  const isCut = request.truncation === 'start' && tokens.length >= contextLength
  return {
    tokens: isCut ? tokens.slice(-promptLength(request, contextLength)) : tokens,
    droppedMessages: 0,
  }
}

/**
 * Tokens that a truncated prompt may have. It leaves place for the new tokens that are asked for, but for half of the
 * context at most; for a quarter where the request has no `maxTokens`.
 */
function promptLength({ maxTokens }: PromptRequest, contextLength: number): number {
  const wanted = maxTokens ?? contextLength >> 2
  return contextLength - Math.max(1, Math.min(wanted, contextLength >> 1))
}
