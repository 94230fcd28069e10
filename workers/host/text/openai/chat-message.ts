import type { WireChatMessage } from '../../../../models/protocols/openai.ts'
import type { ChatMessage, ToolCall } from '../types.ts'
import { invalidParameter } from './invalid-parameter.ts'

/**
 * A message as chat templates get it: without the fields that are null.
 *
 * @param param The message as OpenAI's API names it: `messages[0]`.
 * @throws SpillwayError `request_malformed` for a message without content, or with calls of tools that its role does not make.
 */
export function toChatMessage(message: WireChatMessage, param: string): ChatMessage {
  const { role, name, tool_calls: calls, tool_call_id: id, reasoning_content: reasoning } = message
  const hasCalls = calls != null && calls.length > 0
  if (hasCalls && role !== 'assistant')
    throw invalidParameter(`${param}.tool_calls`, 'none in a message of another role than assistant')
  return {
    role,
    content: textOf(message, `${param}.content`),
    ...(name == null ? {} : { name }),
    ...(hasCalls ? { tool_calls: calls.map(toToolCall) } : {}),
    ...(id == null ? {} : { tool_call_id: id }),
    ...(reasoning == null ? {} : { reasoning_content: reasoning }),
  }
}

const toToolCall = ({ id, function: { name, arguments: json } }: WireToolCall): ToolCall => ({
  ...(id == null ? {} : { id }),
  type: 'function',
  function: { name, arguments: json ?? '' },
})

type WireToolCall = NonNullable<WireChatMessage['tool_calls']>[number]

/** The text of a message. An assistant's message that calls tools has none. */
function textOf({ content, role }: WireChatMessage, param: string): string {
  if (typeof content === 'string') return content
  if (content) return content.map(({ text }) => text).join('')
  if (role === 'assistant') return ''
  throw invalidParameter(param, 'a string or an array', content === null ? 'null' : 'nothing')
}

/** All texts of a message that a template may write. */
export const textsOf = ({
  content,
  tool_calls: calls = [],
  reasoning_content: reasoning = '',
}: ChatMessage): readonly string[] => [
  content,
  reasoning,
  ...calls.flatMap(({ function: { name, arguments: json } }) => [name, json]),
]
