import { SpillwayError } from '../../../../models/core/index.ts'
import { showValue } from '../../../../models/core/wording.ts'
import type { ChatMessage, ToolCall } from '../types.ts'

/**
 * The form in which a template reads messages. Templates of models that see pictures, too, read content as a list of
 * parts; most templates write a call's arguments as JSON, but some join the string that clients send. One that gets the
 * other form often drops the text without a word.
 */
export interface ChatForm {
  readonly content: 'string' | 'parts'
  readonly arguments: 'object' | 'string'
}

/** The forms for chats without tools, in the order in which they are tried: most templates read the first. */
export const plainForms = [
  { content: 'string', arguments: 'object' },
  { content: 'parts', arguments: 'object' },
] as const satisfies readonly ChatForm[]

/** The forms for chats with tools, in the same order. */
export const chatForms = [
  ...plainForms,
  { content: 'string', arguments: 'string' },
  { content: 'parts', arguments: 'string' },
] as const satisfies readonly ChatForm[]

/**
 * A message as the template gets it. Fields that the message does not have are left out, because templates ask whether
 * a field is there.
 *
 * @param path The message as errors name it: `messages[0]`.
 * @throws SpillwayError `request_malformed` for arguments of a call that are no JSON object.
 */
export function toTemplateMessage(message: ChatMessage, form: ChatForm, path: string): object {
  const { content, tool_calls: calls = [], ...rest } = message
  return {
    ...rest,
    content: form.content === 'string' ? content : [{ type: 'text', text: content }],
    ...(calls.length === 0
      ? {}
      : { tool_calls: calls.map((call, at) => toTemplateCall(call, form, `${path}.tool_calls[${at}]`)) }),
  }
}

const toTemplateCall = (call: ToolCall, form: ChatForm, path: string) => ({
  ...call,
  function: {
    ...call.function,
    arguments:
      form.arguments === 'string'
        ? call.function.arguments
        : parseArguments(call.function.arguments, `${path}.function.arguments`),
  },
})

/** The arguments as an object, as vLLM hands them to templates. A call without arguments may have an empty string. */
function parseArguments(json: string, param: string): object {
  const refuse = (expected: string) =>
    new SpillwayError('request_malformed', `The request is invalid at ${param}`, {
      expected,
      got: showValue(json),
      param,
    })
  let value: unknown
  try {
    value = JSON.parse(json || '{}')
  } catch {
    throw refuse('a JSON object as a string')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse('a JSON object as a string')
  const fault = jsonFault(value)
  if (fault) throw refuse(fault)
  return value
}

/** Nested lists and objects. Templates write arguments by recursion. */
const maxDepth = 64

/** Why a template could not write a value as JSON; undefined where it could. */
export const jsonFault = (value: unknown): string | undefined => faultOf(value, maxDepth)

function faultOf(value: unknown, depth: number): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'whole numbers of at most 2^53, or strings: larger ones would be rounded'
  if (['bigint', 'function', 'symbol'].includes(typeof value)) return 'JSON'
  if (typeof value !== 'object' || value === null) return undefined
  if (depth === 0) return `lists and objects at most ${maxDepth} deep`
  for (const part of Object.values(value)) {
    const fault = faultOf(part, depth - 1)
    if (fault) return fault
  }
  return undefined
}
