import { checkTextFormat } from '../../../models/core/check-format.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { type FieldNames, refuseUnknownFields } from '../../../models/core/known-fields.ts'
import { checkSampling } from '../../../models/core/sampling.ts'
import { chatRoles } from '../../../models/protocols/openai.ts'
import { checkTools } from './check-tools.ts'
import { jsonFault } from './tokenizer/chat-form.ts'
import type { ChatMessage, TextRequest } from './types.ts'

const requestFields: FieldNames<TextRequest> = {
  prompt: true,
  messages: true,
  tokens: true,
  maxTokens: true,
  stop: true,
  truncation: true,
  generated: true,
  ignoreStopTokens: true,
  isChat: true,
  tools: true,
  toolChoice: true,
  parallelToolCalls: true,
  templateArguments: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  presencePenalty: true,
  frequencyPenalty: true,
  logitBias: true,
  seed: true,
  logprobs: true,
  format: true,
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0

/**
 * Checks a request that may come from plain JavaScript.
 * @throws SpillwayError `input_name_invalid` or `input_value_invalid`, naming the field.
 */
export function checkTextRequest(request: TextRequest): void {
  refuseUnknownFields('A text', request, requestFields)
  checkPrompt(request)
  checkTools(request)
  checkTemplateArguments(request)
  checkSampling(request)
  const { maxTokens = 0, generated = 0, stop } = request
  if (!isCount(maxTokens)) throw invalid('maxTokens', 'a whole number', maxTokens)
  if (!isCount(generated)) throw invalid('generated', 'a whole number', generated)
  const stops: unknown = typeof stop === 'string' ? [stop] : (stop ?? [])
  if (!Array.isArray(stops) || !stops.every((string) => typeof string === 'string' && string !== ''))
    throw invalid('stop', 'a string that is not empty, or several', stop)
  checkTruncation(request)
  if (request.format !== undefined) checkTextFormat(request.format)
}

function checkPrompt({ prompt, messages, tokens }: TextRequest): void {
  const given = Object.entries({ prompt, messages, tokens }).filter(([, value]) => value !== undefined)
  const [only] = given
  if (!only || given.length > 1) {
    throw new SpillwayError('input_name_invalid', 'Pass exactly one of prompt, messages, tokens', {
      expected: 'one of them',
      got: given.map(([name]) => name).join(', ') || 'none',
    })
  }
  const [name, value] = only
  if (name === 'prompt' && typeof value !== 'string') throw invalid(name, 'a string', value)
  if (name === 'tokens' && !isList(value, isCount)) throw invalid(name, 'token ids', value)
  if (name === 'messages' && !isList(value, isMessage))
    throw invalid(
      name,
      'a list of { role, content }, both strings, with tool_calls and tool_call_id where tools were called',
      value,
    )
}

function checkTruncation({ truncation, messages }: TextRequest): void {
  if (truncation !== undefined && !['disabled', 'auto', 'start'].includes(truncation))
    throw invalid('truncation', '"disabled", "auto" or "start"', truncation)
  if (truncation === 'auto' && !messages)
    throw invalid('truncation', '"start" or "disabled": only messages have turns to leave out', truncation)
}

function checkTemplateArguments({ templateArguments = {}, messages }: TextRequest): void {
  const given: unknown = templateArguments
  if (!isObject(given) || Array.isArray(given))
    throw invalid('templateArguments', 'an object of variables', templateArguments)
  const fault = jsonFault(given)
  if (fault) throw invalid('templateArguments', fault, 'another value')
  const names = Object.keys(given)
  if (names.length > 0 && !messages)
    throw invalid('templateArguments', 'none without messages: no template reads them', names.join(', '))
}

const isList = (value: unknown, fits: (item: unknown) => boolean) =>
  Array.isArray(value) && value.length > 0 && value.every(fits)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const isString = (value: unknown) => typeof value === 'string'
const isMissingOrString = (value: unknown) => value === undefined || isString(value)

/** The fields of a message by name. A field of another name would be passed over, so it is refused. */
const messageFields: Readonly<Record<keyof ChatMessage, (value: unknown) => boolean>> = {
  role: (value) => chatRoles.some((role) => role === value),
  content: isString,
  name: isMissingOrString,
  tool_calls: (value) => value === undefined || isList(value, isToolCall),
  tool_call_id: isMissingOrString,
  reasoning_content: isMissingOrString,
}

const isMessage = (value: unknown): boolean =>
  isObject(value) &&
  Object.keys(value).every((key) => Object.hasOwn(messageFields, key)) &&
  Object.entries(messageFields).every(([key, fits]) => fits(value[key]))

const isToolCall = (value: unknown): boolean =>
  isObject(value) &&
  isMissingOrString(value.id) &&
  value.type === 'function' &&
  isObject(value.function) &&
  isString(value.function.name) &&
  isString(value.function.arguments)

const invalid = (name: string, expected: string, got: unknown) =>
  new SpillwayError('input_value_invalid', `"${name}" is not valid`, {
    expected,
    got: (typeof got === 'string' ? got : (JSON.stringify(got) ?? String(got))).slice(0, 60),
  })
