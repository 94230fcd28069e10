import { SpillwayError } from '../../models/core/index.ts'
import { type FieldNames, refuseUnknownFields } from '../../models/core/known-fields.ts'
import { withCallableTools } from '../../workers/host/text/parts/chat-parts.ts'
import type { TextRequest, ToolDefinition } from '../../workers/host/text/types.ts'

/** The arguments of a call, by name. */
export type ToolArguments = Readonly<Record<string, unknown>>

/** What a tool is told of a call beside its arguments. */
export interface ToolContext {
  readonly toolCallId: string
  /** Fires when the text is aborted, or its reader has left. */
  readonly signal: AbortSignal
}

/** A tool of the page. */
export interface Tool extends ToolDefinition {
  /**
   * Runs a call whose arguments fit `parameters`. The model reads what it returns: a string as it is, all else as JSON. An
   * error's message is what the model reads in its place. Without `execute`, a call ends the text.
   */
  execute?(args: ToolArguments, context: ToolContext): unknown
}

/** What is continued, how tokens are chosen, where the text ends, and the tools that the model may call. */
export type GenerateRequest = TextRequest & {
  /**
   * Tools by name, beside `messages`. A call that `toolChoice` demands is made once: after it, the model is free to
   * answer.
   */
  readonly tools?: Readonly<Record<string, Tool>> | undefined
  /** The most texts that are written, the last one's calls unanswered. Default 8. */
  readonly maxSteps?: number | undefined
}

export type Tools = NonNullable<GenerateRequest['tools']>

const toolFields: FieldNames<Tool> = { description: true, parameters: true, strict: true, execute: true }

/** The request with definitions of its tools only, as every tier reads it. */
export interface CheckedRequest {
  readonly request: TextRequest
  readonly tools: Tools
  readonly maxSteps: number
}

const defaultSteps = 8

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws SpillwayError `input_name_invalid` or `input_value_invalid`, naming the field. */
export function checkGenerateRequest(given: GenerateRequest): CheckedRequest {
  // What is no object is refused with the rest of the request.
  if (!isObject(given)) return { request: given, tools: {}, maxSteps: defaultSteps }
  const { maxSteps = defaultSteps, ...fields } = given
  const request = withCallableTools(fields)
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1) {
    throw new SpillwayError('input_value_invalid', '"maxSteps" is not valid', {
      expected: 'a whole number above zero',
      got: String(maxSteps),
    })
  }
  const { tools } = request
  if (tools === undefined || !isObject(tools)) return { request, tools: {}, maxSteps }
  const definitions = Object.entries(tools).map(([name, tool]) => {
    if (!isObject(tool)) return [name, tool] as const
    refuseUnknownFields(`The tool "${name}"`, tool, toolFields)
    const { execute, ...definition } = tool
    if (execute !== undefined && typeof execute !== 'function') {
      throw new SpillwayError('input_value_invalid', `"tools.${name}.execute" is not valid`, {
        expected: 'a function',
        got: typeof execute,
      })
    }
    return [name, definition] as const
  })
  return { request: { ...request, tools: Object.fromEntries(definitions) }, tools, maxSteps }
}
