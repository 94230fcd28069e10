import { checkTextFormat } from '../../../models/core/check-format.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { type ChatRole, chatRoles, type WireChatMessage } from '../../../models/protocols/openai.ts'
import type { ResponseRequest, WireResponseItem } from '../../../models/protocols/openai-responses.ts'
import { textsOf, toChatMessage } from '../../../workers/host/text/openai/chat-message.ts'
import { invalidParameter } from '../../../workers/host/text/openai/invalid-parameter.ts'
import { checkBias, checkPrompt, type PromptBounds } from '../../../workers/host/text/openai/prompt-bounds.ts'
import { openAiFormat } from '../../../workers/host/text/openai/request-format.ts'
import { optionsOf, type TokensRequest } from '../../../workers/host/text/openai/text-requests.ts'
import type { Tokenize } from './read-request.ts'

/** A response's input as a chat: its instructions, and its items in their order. */
export async function toResponseText(
  request: ResponseRequest,
  tokenize: Tokenize,
  bounds: PromptBounds,
): Promise<TokensRequest> {
  const { input, instructions } = request
  const system: WireChatMessage[] = instructions ? [{ role: 'system', content: instructions }] : []
  const turns = typeof input === 'string' ? [{ role: 'user', content: input } as const] : messagesOf(input)
  const messages = [...system, ...turns].map((message, index) =>
    toChatMessage(message, `input[${index - system.length}]`),
  )
  checkBias(request.logit_bias, bounds)
  checkPrompt('input', messages.flatMap(textsOf).join(''), bounds)
  const [asked] = openAiFormat(request.text?.format, 'text.format')
  if (asked) checkTextFormat(asked.format, asked.param)
  const options = { ...optionsOf(request), ...(asked && { format: asked.format }) }
  const [tokens = []] = await tokenize([{ messages }])
  return { ...options, tokens, maxTokens: request.max_output_tokens ?? undefined }
}

/** Calls of tools belong to the assistant's message before them. */
function messagesOf(items: readonly WireResponseItem[]): WireChatMessage[] {
  const messages: WireChatMessage[] = []
  for (const [index, item] of items.entries()) {
    const param = `input[${index}]`
    const last = messages.at(-1)
    if (item.type !== 'function_call') messages.push(messageOf(item, param))
    else if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), callOf(item, param)]
    else messages.push({ role: 'assistant', tool_calls: [callOf(item, param)] })
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

function textOf(content: WireResponseItem['content'], param: string): string {
  if (typeof content === 'string') return content
  if (!content) throw invalidParameter(param, 'a string or an array', content === null ? 'null' : 'nothing')
  return content
    .map(({ type, text }, index) => {
      if (!textParts.includes(type)) throw notSupported(`${param}[${index}].type`, type)
      if (text == null) throw invalidParameter(`${param}[${index}].text`, 'a string', 'nothing')
      return text
    })
    .join('')
}

const notSupported = (param: string, got: string) =>
  new SpillwayError('not_supported', 'The models of this server read text only', {
    expected: 'messages of text, and calls of tools with their outputs',
    got,
    param,
  })
