import { SpillwayError } from '../../../../models/core/index.ts'
import { showValue } from '../../../../models/core/wording.ts'
import type { WireTool } from '../../../../models/protocols/openai.ts'
import type { TextRequest, ToolDefinition } from '../types.ts'
import { invalidParameter } from './invalid-parameter.ts'

/** The fields of a request that say which tools may be called. */
interface ToolFields {
  readonly tools?: readonly WireTool[] | null | undefined
  readonly tool_choice?: unknown
  readonly parallel_tool_calls?: boolean | null | undefined
}

/**
 * The tools that the model may call: none with `tool_choice: "none"`.
 *
 * @throws SpillwayError `not_supported` for a call that must be made, for tools other than functions, and for `strict`;
 * `request_malformed` for two tools of the same name.
 */
export function toolOptions(request: ToolFields): Pick<TextRequest, 'tools' | 'parallelToolCalls'> {
  const tools: [string, ToolDefinition][] = []
  const names = new Set<string>()
  for (const [index, { type, function: nested, ...flat }] of (request.tools ?? []).entries()) {
    const param = `tools[${index}]`
    if (type !== 'function') throw notSupported(`${param}.type`, 'functions only', type)
    // Chats have the function's fields in an object, responses in the tool itself.
    const { name, description, parameters, strict } = nested ?? flat
    const path = nested ? `${param}.function` : param
    if (name == null) throw invalidParameter(`${path}.name`, 'a name', 'nothing')
    if (names.has(name)) throw invalidParameter(`${path}.name`, 'a name that no other tool has', `"${name}"`)
    if (strict) throw notSupported(`${path}.strict`, 'false: arguments are not held to their schema', strict)
    names.add(name)
    tools.push([
      name,
      {
        ...(description != null && { description }),
        ...(parameters != null && { parameters }),
      },
    ])
  }
  if (!mayCall(request.tool_choice) || tools.length === 0) return {}
  return {
    tools: Object.fromEntries(tools),
    ...(request.parallel_tool_calls === false && { parallelToolCalls: false }),
  }
}

/**
 * Whether the model may call a tool. A call that it must make needs a grammar that holds the text to the calls' format:
 * once texts have one, `required` and a function's name set it here.
 */
function mayCall(choice: unknown): boolean {
  if (choice == null || choice === 'auto') return true
  if (choice === 'none') return false
  throw notSupported('tool_choice', '"auto" or "none"', choice)
}

const notSupported = (param: string, expected: string, got: unknown) =>
  new SpillwayError('not_supported', `Spillway does not support this "${param}" in a request`, {
    expected,
    got: showValue(got),
    param,
  })
