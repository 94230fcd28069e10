import { checkTextFormat } from '../../../../models/core/check-format.ts'
import { SpillwayError } from '../../../../models/core/index.ts'
import type { JsonSchema, TextFormat } from '../../../../models/core/text-format.ts'
import { showValue } from '../../../../models/core/wording.ts'
import type { CompletionRequest } from '../../../../models/protocols/openai.ts'
import { invalidParameter } from './invalid-parameter.ts'

/** The fields that ask for a form of the text. */
export type FormatFields = Pick<
  CompletionRequest,
  | 'response_format'
  | 'guided_json'
  | 'guided_regex'
  | 'guided_choice'
  | 'guided_grammar'
  | 'structured_outputs'
>

interface AskedFormat {
  readonly param: string
  readonly format: TextFormat
}

/**
 * The form that a request asks for, by OpenAI's field or one of vLLM's.
 *
 * @throws SpillwayError `request_malformed`, and as `checkTextFormat`: each names the parameter.
 */
export function requestFormat(request: FormatFields): TextFormat | undefined {
  const { structured_outputs: outputs } = request
  const asked = [
    ...openAiFormat(request.response_format, 'response_format'),
    ...vllmFormats('guided_', {
      json: request.guided_json,
      regex: request.guided_regex,
      choice: request.guided_choice,
      grammar: request.guided_grammar,
    }),
    ...(outputs ? vllmFormats('structured_outputs.', outputs) : []),
  ]
  const [first, second] = asked
  if (second) throw invalidParameter(second.param, `one form of the text, not ${first?.param} as well`)
  if (first) checkTextFormat(first.format, first.param)
  return first?.format
}

/** OpenAI's form: `json_schema` has a schema of its own in chats, and is one in responses. */
export function openAiFormat(value: FormatFields['response_format'], param: string): AskedFormat[] {
  if (!value || value.type === 'text') return []
  if (value.type === 'json_object') return [{ param, format: { type: 'json_object' } }]
  if (value.type !== 'json_schema') throw unsupported(`${param}.type`, value.type)
  const isNested = value.json_schema !== undefined
  const { schema }: { schema?: JsonSchema } = Object(isNested ? value.json_schema : value)
  const place = isNested ? `${param}.json_schema` : param
  if (schema == null) throw invalidParameter(`${place}.schema`, 'a JSON schema', 'nothing')
  return [{ param: place, format: { type: 'json_schema', schema } }]
}

type VllmFields = NonNullable<FormatFields['structured_outputs']>

function vllmFormats(prefix: string, fields: VllmFields): AskedFormat[] {
  return Object.entries(fields).flatMap(([name, value]): AskedFormat[] => {
    if (value == null || value === false) return []
    const param = prefix + name
    switch (name) {
      case 'json':
        return [{ param, format: { type: 'json_schema', schema: parsed(value, param) } }]
      case 'json_object':
        return [{ param, format: { type: 'json_object' } }]
      case 'regex':
      case 'grammar':
      case 'choice':
        return [{ param, format: Object({ type: name, [name]: value }) }]
      default:
        throw unsupported(param, value)
    }
  })
}

/** vLLM takes a schema as an object or as its text. */
function parsed(value: unknown, param: string): JsonSchema {
  if (typeof value !== 'string') return Object(value)
  try {
    return JSON.parse(value)
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', `"${param}" is not JSON`)
  }
}

const unsupported = (param: string, value: unknown) =>
  new SpillwayError('not_supported', `Spillway does not support "${param}" in a request`, {
    expected: 'text, json_object, json_schema, or one of json, regex, choice and grammar of vLLM',
    got: showValue(value),
    param,
  })
