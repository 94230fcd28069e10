import { textsOf } from '../../workers/host/text/openai/chat-message.ts'
import type { Prompt, TemplateArguments } from '../../workers/host/text/types.ts'

/** A chat's messages count with the text that a template puts around each. */
const messageCharacters = 64

/** About how many characters the tokenizer gets of prompts. Prompts of tokens have none. */
export function charactersOf(
  prompts: readonly Prompt[],
  templateArguments: TemplateArguments | undefined,
): number {
  let characters = templateArguments === undefined ? 0 : JSON.stringify(templateArguments).length
  for (const { prompt = '', messages = [] } of prompts) {
    characters += prompt.length
    for (const message of messages) {
      characters += messageCharacters
      for (const text of textsOf(message)) characters += text.length
    }
  }
  return characters
}
