import type { LanguageModelV3Prompt } from '@ai-sdk/provider'
import { UnsupportedFunctionalityError } from '@ai-sdk/provider'
import type { ChatMessage, ToolCall } from '../../../workers/host/text/types.ts'

type Message = LanguageModelV3Prompt[number]
type Part = Exclude<Message['content'], string>[number]

/** The messages of a chat, as chat templates read them. @throws UnsupportedFunctionalityError For files. */
export const toMessages = (prompt: LanguageModelV3Prompt): ChatMessage[] => prompt.flatMap(messagesOf)

function messagesOf(message: Message): ChatMessage | ChatMessage[] {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content }
    case 'user':
      return { role: 'user', content: textOf(message.content) }
    case 'assistant': {
      const calls = message.content.flatMap((part): ToolCall[] =>
        part.type === 'tool-call'
          ? [
              {
                id: part.toolCallId,
                type: 'function',
                function: { name: part.toolName, arguments: JSON.stringify(part.input) },
              },
            ]
          : [],
      )
      const reasoning = message.content.flatMap((part) => (part.type === 'reasoning' ? [part.text] : []))
      return {
        role: 'assistant',
        content: textOf(message.content),
        ...(calls.length > 0 && { tool_calls: calls }),
        ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
      }
    }
    case 'tool':
      return message.content.flatMap((part) =>
        part.type === 'tool-result'
          ? [
              {
                role: 'tool' as const,
                name: part.toolName,
                tool_call_id: part.toolCallId,
                content: resultOf(part.output),
              },
            ]
          : [],
      )
  }
}

const textOf = (parts: readonly Part[]): string =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : refuseFile(part))).join('')

function refuseFile(part: Part): [] {
  if (part.type !== 'file') return []
  throw new UnsupportedFunctionalityError({ functionality: `a file of type ${part.mediaType} in a message` })
}

type Result = Extract<Part, { type: 'tool-result' }>['output']

function resultOf(output: Result): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value
    case 'execution-denied':
      return output.reason ?? 'The call was denied.'
    default:
      return JSON.stringify(output.value)
  }
}
