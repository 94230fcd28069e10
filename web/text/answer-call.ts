import type { SchemaDraft } from '@cfworker/json-schema'
import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { importCode } from '../../models/async/import-code.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { ChatMessage, WrittenCall } from '../../workers/host/text/types.ts'
import type { ToolArguments, Tools } from './tools.ts'

/**
 * Runs a call and gives the tool's message. What the model did wrong, and what the tool throws, is its content, so that the
 * model can do better.
 *
 * @throws SpillwayError `aborted`; `input_value_invalid` for parameters that are no JSON Schema; as `importCode`.
 */
export async function answerCall(
  tools: Tools,
  { id, function: { name, arguments: json } }: WrittenCall,
  signal: AbortSignal,
  clock: Clock,
): Promise<ChatMessage> {
  const answer = (content: string): ChatMessage => ({ role: 'tool', name, tool_call_id: id, content })
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined
  if (!tool?.execute) return answer(`Error: there is no tool "${name}"`)
  const args = argumentsOf(json)
  if (!args) return answer('Error: the arguments are not a JSON object')
  const { parameters } = tool
  const fault = parameters && (await withAbort(signal, schemaFault(name, parameters, args, clock)))
  if (fault) return answer(`Error: the arguments do not fit: ${fault}`)
  try {
    const running = Promise.resolve(tool.execute(args, { toolCallId: id, signal }))
    return answer(textOf(await withAbort(signal, running)))
  } catch (cause) {
    signal.throwIfAborted()
    return answer(`Error: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

const textOf = (result: unknown): string =>
  typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null')

function argumentsOf(json: string): ToolArguments | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Why the arguments do not fit their JSON Schema, of any draft from 4 on. Its code is loaded with the first call. */
async function schemaFault(
  name: string,
  parameters: ToolArguments,
  args: ToolArguments,
  clock: Clock,
): Promise<string | undefined> {
  const { Validator } = await importCode(clock, 'JSON schemas', () => import('@cfworker/json-schema'))
  try {
    const { valid, errors } = new Validator(parameters, draftOf(parameters), false).validate(args)
    // The last ones say what is wrong within the others.
    return valid
      ? undefined
      : errors.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`).join(' ')
  } catch (cause) {
    throw SpillwayError.from(cause, 'input_value_invalid', `"tools.${name}.parameters" is no JSON Schema`)
  }
}

function draftOf({ $schema }: ToolArguments): SchemaDraft {
  const version = typeof $schema === 'string' ? /draft-0?(4|7)|draft\/(2019-09)/.exec($schema) : undefined
  return (version?.[1] ?? version?.[2] ?? '2020-12') as SchemaDraft
}
