import { checkJsonSchema } from '../../../models/core/check-json-schema.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { showValue } from '../../../models/core/wording.ts'
import { maxTools, toolName } from '../../../models/protocols/openai.ts'
import { argumentsSchema } from './parts/call-grammars.ts'
import { jsonFault } from './tokenizer/chat-form.ts'
import type { TextRequest, ToolChoice, ToolDefinition } from './types.ts'

type ToolRequest = Pick<TextRequest, 'messages' | 'tools' | 'toolChoice' | 'isChat' | 'parallelToolCalls'>

/** @throws SpillwayError `input_value_invalid`; `not_supported` for a schema that arguments cannot be held to. */
export function checkTools(request: ToolRequest): void {
  const { tools = {}, toolChoice = 'auto', isChat, parallelToolCalls, messages } = request
  if (!isMissingOrBoolean(isChat)) throw invalid('isChat', 'a boolean', isChat)
  if (!isMissingOrBoolean(parallelToolCalls))
    throw invalid('parallelToolCalls', 'a boolean', parallelToolCalls)
  const given: unknown = tools
  if (!isObject(given)) throw invalid('tools', 'an object of tools by name', tools)
  const names = Object.keys(given)
  if (names.length > maxTools) throw invalid('tools', `at most ${maxTools} tools`, `${names.length} tools`)
  if (names.length > 0 && !messages && !isChat)
    throw invalid('tools', 'tools beside messages: only a chat calls tools', names.join(', '))
  for (const [name, tool] of Object.entries(given)) checkTool(name, tool)
  checkToolChoice(toolChoice, names)
  checkHeldTools(tools, toolChoice, (name) => `tools.${name}`)
}

function checkTool(name: string, tool: unknown): void {
  if (!toolName.test(name))
    throw invalid('tools', 'names of 1 to 64 letters, digits, underscores and hyphens', name)
  const { description, parameters = {}, strict }: ToolDefinition = Object(tool)
  if (!isObject(tool) || !isMissingOrString(description) || !isMissingOrBoolean(strict))
    throw invalid(`tools.${name}`, '{ description, parameters, strict }', tool)
  if (!isObject(parameters))
    throw invalid(`tools.${name}.parameters`, 'a JSON Schema of an object', parameters)
  const fault = jsonFault(parameters)
  if (fault) throw invalid(`tools.${name}.parameters`, fault, 'another value')
}

function checkToolChoice(choice: ToolChoice, names: readonly string[]): void {
  if (choice === 'auto' || choice === 'none') return
  const { name }: { name?: unknown } = Object(choice)
  if (choice !== 'required' && typeof name !== 'string')
    throw invalid('toolChoice', '"auto", "none", "required" or { name }', choice)
  const isThere = choice === 'required' ? names.length > 0 : names.includes(String(name))
  if (!isThere)
    throw invalid('toolChoice', names.length > 0 ? `one of ${names.join(', ')}` : 'tools to call', choice)
}

/** Characters of schemas as JSON, together: larger ones take minutes to compile. */
const mostCharacters = 65_536

/**
 * Checks the schemas of tools whose arguments are held to them.
 *
 * @param pathOf The path of a tool, as its caller names it.
 * @throws SpillwayError `input_value_invalid`, `not_supported`: each names the parameter.
 */
export function checkHeldTools(
  tools: NonNullable<TextRequest['tools']>,
  choice: ToolChoice | undefined,
  pathOf: (name: string) => string,
): void {
  if (choice === 'none') return
  let characters = 0
  for (const [name, tool] of Object.entries(tools)) {
    const isChosen = choice === 'required' || (typeof choice === 'object' && choice.name === name)
    const isPossible = typeof choice !== 'object' && tool.strict === true
    if (!isChosen && !isPossible) continue
    const param = `${pathOf(name)}.parameters`
    const schema = argumentsSchema(tool)
    checkJsonSchema(schema, param)
    const { type }: { type?: unknown } = Object(schema)
    if (type !== undefined && type !== 'object')
      throw unfit(`${param}.type`, '"object": arguments have names', showValue(type))
    characters += JSON.stringify(schema).length
    if (characters > mostCharacters)
      throw unfit(param, `at most ${mostCharacters} characters of all schemas`, `${characters}`)
  }
}

const unfit = (param: string, expected: string, got: string) =>
  new SpillwayError('input_value_invalid', `Arguments cannot be held to ${param}`, { expected, got, param })

const isMissingOrBoolean = (value: unknown) => value === undefined || typeof value === 'boolean'
const isMissingOrString = (value: unknown) => value === undefined || typeof value === 'string'

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const invalid = (name: string, expected: string, got: unknown) =>
  new SpillwayError('input_value_invalid', `"${name}" is not valid`, {
    expected,
    got: (typeof got === 'string' ? got : (JSON.stringify(got) ?? String(got))).slice(0, 60),
    param: name,
  })
