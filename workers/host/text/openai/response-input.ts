import { checkTextFormat } from '../../../../models/core/check-format.ts'
import { SpillwayError } from '../../../../models/core/index.ts'
import { type ChatRole, chatRoles, type WireChatMessage } from '../../../../models/protocols/openai.ts'
import type { ResponseRequest, WireResponseItem } from '../../../../models/protocols/openai-responses.ts'
import { toChatMessage } from './chat-message.ts'
import { invalidParameter } from './invalid-parameter.ts'
import { checkBias, type PromptBounds } from './prompt-bounds.ts'
import { openAiFormat } from './request-format.ts'
import { checkChat, checkedTools, optionsOf, type RequestedText } from './text-requests.ts'

/**
 * A response's input as a chat: its instructions, and its items in their order.
 *
 * @throws SpillwayError As `textOfChat`; `not_supported` for an item that is no text.
 */
export function textOfResponse(request: ResponseRequest, bounds: PromptBounds): RequestedText {
  const { input, instructions } = request
  const system: WireChatMessage[] = instructions ? [{ role: 'system', content: instructions }] : []
  const turns = typeof input === 'string' ? [{ role: 'user', content: input } as const] : messagesOf(input)
  const messages = [...system, ...turns].map((message, index) =>
    toChatMessage(message, `input[${index - system.length}]`),
  )
  checkBias(request.logit_bias, bounds)
  checkChat('input', messages, request, bounds)
  const effort = request.reasoning?.effort
  const [asked] = openAiFormat(request.text?.format, 'text.format')
  if (asked) checkTextFormat(asked.format, asked.param)
  return {
    prompt: { messages },
    reasoningEffort: effort == null ? undefined : { effort, param: 'reasoning.effort' },
    options: {
      ...optionsOf(request),
      ...checkedTools(request, bounds),
      ...(asked && { format: asked.format }),
      maxTokens: request.max_output_tokens ?? undefined,
      truncation: request.truncation ?? undefined,
      isChat: true,
    },
  }
}

/** Calls of tools belong to the assistant's message before them, and a thought to the one after it. */
function messagesOf(items: readonly WireResponseItem[]): WireChatMessage[] {
  const messages: WireChatMessage[] = []
  let thought: string | undefined
  const add = (message: WireChatMessage) => {
    const isThought = thought !== undefined && message.role === 'assistant'
    messages.push(isThought ? { ...message, reasoning_content: thought } : message)
    thought = undefined
  }
  for (const [index, item] of items.entries()) {
    const param = `input[${index}]`
    const last = messages.at(-1)
    if (item.type === 'reasoning') thought = textOf(item.content ?? [], `${param}.content`, thoughtParts)
    else if (item.type !== 'function_call') add(messageOf(item, param))
    else if (last?.role === 'assistant' && thought === undefined)
      last.tool_calls = [...(last.tool_calls ?? []), callOf(item, param)]
    else add({ role: 'assistant', tool_calls: [callOf(item, param)] })
  }
  return messages
}

function messageOf(item: WireResponseItem, param: string): WireChatMessage {
  if (item.type === 'function_call_output')
    return {
      role: 'tool',
      content: textOf(item.output, `${param}.output`),
      tool_call_id: item.call_id,
    }
  if (item.type != null && item.type !== 'message') throw notSupported(`${param}.type`, item.type)
  return { role: roleOf(item, param), content: textOf(item.content, `${param}.content`) }
}

function callOf({ name, call_id: id, arguments: json }: WireResponseItem, param: string) {
  if (name == null) throw invalidParameter(`${param}.name`, 'a string', 'nothing')
  return { id, type: 'function', function: { name, arguments: json } } as const
}

const isRole = (role: unknown): role is ChatRole => chatRoles.some((one) => one === role)

function roleOf({ role }: WireResponseItem, param: string): ChatRole {
  if (isRole(role) && role !== 'tool') return role
  throw invalidParameter(
    `${param}.role`,
    'user, assistant, system or developer',
    JSON.stringify(role) ?? 'nothing',
  )
}

const textParts = ['input_text', 'output_text', 'text']
const thoughtParts = ['reasoning_text']

function textOf(content: WireResponseItem['content'], param: string, parts = textParts): string {
  if (typeof content === 'string') return content
  if (!content) throw invalidParameter(param, 'a string or an array', content === null ? 'null' : 'nothing')
  return content
    .map(({ type, text }, index) => {
      if (!parts.includes(type)) throw notSupported(`${param}[${index}].type`, type)
      if (text == null) throw invalidParameter(`${param}[${index}].text`, 'a string', 'nothing')
      return text
    })
    .join('')
}

const notSupported = (param: string, got: string) =>
  new SpillwayError('not_supported', 'Models read text only', {
    expected: 'messages of text, and calls of tools with their outputs',
    got,
    param,
  })
