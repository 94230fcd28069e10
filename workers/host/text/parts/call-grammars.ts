import type { JsonSchema } from '../../../../models/core/text-format.ts'
import type { AnswerForm, Tag } from '../../../protocol/answer-form.ts'
import type { TextRequest, ToolDefinition, ToolFormat } from '../types.ts'
import { callMarkers } from './call-markers.ts'

/** How several calls are written: what stands before the first name, after a name, between two calls, and in the end. */
interface CallGrammar {
  readonly begins: readonly string[]
  readonly middle: string
  readonly separator: string
  readonly end: string
}

const nameKey = '{"name": "'

const callGrammars: Readonly<Record<ToolFormat, CallGrammar>> = {
  hermes: {
    begins: [`<tool_call>\n${nameKey}`],
    middle: '", "arguments": ',
    separator: `}\n</tool_call>\n<tool_call>\n${nameKey}`,
    end: '}\n</tool_call>',
  },
  llama3_json: {
    begins: [nameKey, `<|python_tag|>${nameKey}`],
    middle: '", "parameters": ',
    separator: `}; ${nameKey}`,
    end: '}',
  },
  mistral: {
    begins: [`[${nameKey}`],
    middle: '", "arguments": ',
    separator: `}, ${nameKey}`,
    end: '}]',
  },
}

/** Between a name before the JSON and the JSON. */
const head: AnswerForm = { type: 'regex', regex: String.raw`(\[CALL_ID\][a-zA-Z0-9]{9})?(\[ARGS\])?` }

/** A text that begins neither like JSON nor with a tag of Llama's. */
const plainText: AnswerForm = {
  type: 'grammar',
  grammar: String.raw`root ::= [ \n\t\r]* (([^{< \n\t\r] rest) | ("<" ([^|] rest)?))?
rest ::= [^\x00]*`,
}

type Tools = NonNullable<TextRequest['tools']>

/** The schema that a tool's arguments are held to. */
export const argumentsSchema = ({ parameters }: ToolDefinition): JsonSchema => {
  if (!parameters) return { type: 'object', properties: {} }
  const isOpen = ['type', '$ref', 'anyOf', 'oneOf', 'allOf'].every((name) => parameters[name] === undefined)
  return isOpen ? { type: 'object', ...parameters } : parameters
}

/** Calls that are made, in the form of the model's family. */
export function requiredCalls(format: ToolFormat, request: TextRequest): AnswerForm {
  const { tools = {}, toolChoice } = request
  const name = typeof toolChoice === 'object' ? toolChoice.name : undefined
  const chosen = Object.entries(tools).filter(([one]) => name === undefined || one === name)
  const forms = chosen.map(([one, tool]) => [one, schemaForm(tool)] as const)
  return either(callTags(format, forms, name !== undefined || hasOneCall(request)))
}

/**
 * Calls that may be made. Arguments of tools that are not `strict` are any object.
 *
 * @param text The form of an answer without calls; undefined for any text, in which the calls may be, too.
 */
export function possibleCalls(
  format: ToolFormat,
  request: TextRequest & { readonly tools: Tools },
  text: AnswerForm | undefined,
): AnswerForm {
  const forms = Object.entries(request.tools).map(
    ([name, tool]) => [name, tool.strict ? schemaForm(tool) : anyObject] as const,
  )
  const isOne = hasOneCall(request)
  const tags = callTags(format, forms, isOne)
  const { open } = callMarkers[format]
  if (text || open === '') return either([...tags, text ?? plainText])
  return { type: 'triggered_tags', triggers: [open], tags, stop_after_first: isOne }
}

const hasOneCall = ({ parallelToolCalls }: TextRequest) => parallelToolCalls === false

const anyObject: AnswerForm = { type: 'json_object' }

const schemaForm = (tool: ToolDefinition): AnswerForm => ({
  type: 'json_schema',
  schema: argumentsSchema(tool),
})

const either = (elements: readonly AnswerForm[]): AnswerForm => ({ type: 'or', elements })

/** @param tools The forms of arguments by the tools' names, which are letters, digits, underscores and hyphens. */
function callTags(
  format: ToolFormat,
  tools: readonly (readonly [name: string, form: AnswerForm])[],
  isOne: boolean,
): Tag[] {
  const { begins, middle, separator, end } = callGrammars[format]
  const calls: AnswerForm = {
    type: 'tags_with_separator',
    tags: tools.map(([name, content]) => ({ type: 'tag', begin: name + middle, content, end: '' })),
    separator,
    at_least_one: true,
    stop_after_first: isOne,
  }
  const lists = begins.map((begin): Tag => ({ type: 'tag', begin, content: calls, end }))
  const { hasHead, open } = callMarkers[format]
  if (!hasHead) return lists
  // With one copy of the tools' grammars: many are more than the engine has memory for.
  const spaced: AnswerForm = { type: 'sequence', elements: [{ type: 'regex', regex: ' ?' }, ...lists] }
  const heads = tools.map(([name, form]): Tag => {
    const content: AnswerForm = { type: 'sequence', elements: [head, form] }
    return { type: 'tag', begin: open + name, content, end: '' }
  })
  return [{ type: 'tag', begin: open, content: spaced, end: '' }, ...heads]
}
