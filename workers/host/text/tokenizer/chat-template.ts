import { Template } from '@huggingface/jinja'
import { SpillwayError } from '../../../../models/core/index.ts'
import type { ChatMessage } from '../types.ts'

export type RenderChat = (messages: readonly ChatMessage[]) => string

/**
 * Renders chats with a model's template. The template is parsed at the first chat.
 *
 * @param source The model's Jinja template, where it has one.
 * @param specialTokens Tokens that a template may name: `bos_token` and the like.
 * @returns A function that throws as `Tokenizer.chat` does.
 */
export function createChatTemplate(
  source: string | undefined,
  specialTokens: Readonly<Record<string, string>>,
): RenderChat {
  let template: Template | undefined
  return (messages) => {
    if (source === undefined) {
      throw new SpillwayError('not_supported', 'The model has no chat template', {
        hint: 'Pass a prompt in place of messages.',
      })
    }
    try {
      template ??= new Template(source)
    } catch (cause) {
      throw SpillwayError.from(
        cause,
        'model_invalid',
        "The model's chat template is not a valid Jinja template",
      )
    }
    try {
      return template.render({ ...specialTokens, messages, add_generation_prompt: true })
    } catch (cause) {
      throw SpillwayError.from(cause, 'request_malformed', "The model's chat template rejects the messages")
    }
  }
}
