import { SpillwayError } from '../../../../models/core/index.ts'
import { showValue } from '../../../../models/core/wording.ts'
import type { WireTool } from '../../../../models/protocols/openai.ts'
import { checkHeldTools } from '../check-tools.ts'
import type { TextRequest, ToolChoice, ToolDefinition } from '../types.ts'
import { invalidParameter } from './invalid-parameter.ts'

/** The fields of a request that say which tools may be called. */
interface ToolFields {
  readonly tools?: readonly WireTool[] | null | undefined
  readonly tool_choice?: unknown
  readonly parallel_tool_calls?: boolean | null | undefined
}

/**
 * The tools that the model may or must call: none with `tool_choice: "none"`.
 *
 * @throws SpillwayError `not_supported` for tools other than functions; `request_malformed` for two tools of the same name,
 * and for a choice of none; as `checkHeldTools`.
 */
export function toolOptions(
  request: ToolFields,
): Pick<TextRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'> {
  const tools: [string, ToolDefinition][] = []
  const paths = new Map<string, string>()
  for (const [index, { type, function: nested, ...flat }] of (request.tools ?? []).entries()) {
    const param = `tools[${index}]`
    if (type !== 'function') throw notSupported(`${param}.type`, 'functions only', type)
    // Chats have the function's fields in an object, responses in the tool itself.
    const { name, description, parameters, strict } = nested ?? flat
    const path = nested ? `${param}.function` : param
    if (name == null) throw invalidParameter(`${path}.name`, 'a name', 'nothing')
    if (paths.has(name)) throw invalidParameter(`${path}.name`, 'a name that no other tool has', `"${name}"`)
    paths.set(name, path)
    tools.push([
      name,
      {
        ...(description != null && { description }),
        ...(parameters != null && { parameters }),
        ...(strict && { strict }),
      },
    ])
  }
  const toolChoice = choiceOf(request.tool_choice, [...paths.keys()])
  if (toolChoice === 'none' || tools.length === 0) return {}
  const byName = Object.fromEntries(tools)
  checkHeldTools(byName, toolChoice, (name) => paths.get(name) ?? 'tools')
  return {
    tools: byName,
    ...(toolChoice !== 'auto' && { toolChoice }),
    ...(request.parallel_tool_calls === false && { parallelToolCalls: false }),
  }
}

/** Chats have a function's name in an object, responses in the choice itself. */
function choiceOf(choice: unknown, names: readonly string[]): ToolChoice {
  if (choice == null || choice === 'auto') return 'auto'
  if (choice === 'none') return 'none'
  const { type, function: nested, name }: Record<string, unknown> = Object(choice)
  if (choice !== 'required' && type !== 'function')
    throw notSupported('tool_choice', '"auto", "none", "required" or a function', choice)
  const [first] = names
  if (first === undefined) throw invalidParameter('tool_choice', 'tools to choose from', showValue(choice))
  if (choice === 'required') return 'required'
  const wanted = nested === undefined ? name : Object(nested).name
  if (names.includes(wanted)) return { name: wanted }
  const param = nested === undefined ? 'tool_choice.name' : 'tool_choice.function.name'
  throw invalidParameter(param, `the name of a tool, such as "${first}"`, showValue(wanted))
}

const notSupported = (param: string, expected: string, got: unknown) =>
  new SpillwayError('not_supported', `Spillway does not support this "${param}" in a request`, {
    expected,
    got: showValue(got),
    param,
  })
