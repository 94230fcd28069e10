import { Template } from '@huggingface/jinja'
import { SpillwayError } from '../../../../models/core/index.ts'
import type { ChatMessage } from '../types.ts'

export type RenderChat = (messages: readonly ChatMessage[]) => string

/**
 * @param source The model's Jinja template, where it has one.
 * @param specialTokens What a template may name: `bos_token` and the like.
 * @throws SpillwayError what is given does, as `Tokenizer.chat`; the template itself is read at the first chat.
 */
export function createChatTemplate(
  source: string | undefined,
  specialTokens: Readonly<Record<string, string>>,
): RenderChat {
  let template: Template | undefined
  return (messages) => {
    if (source === undefined) {
      throw new SpillwayError('not_supported', 'The model has no chat template', {
        hint: 'Give a prompt in place of messages.',
      })
    }
    try {
      template ??= new Template(source)
    } catch (cause) {
      throw SpillwayError.from(cause, 'model_invalid', "The model's chat template is no Jinja template")
    }
    try {
      return template.render({ ...specialTokens, messages, add_generation_prompt: true })
    } catch (cause) {
      throw SpillwayError.from(cause, 'request_malformed', "The model's chat template refuses the messages")
    }
  }
}
