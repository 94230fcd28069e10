import { randomId } from '../random-id.ts'
import type { ToolFormat, WrittenCall } from '../types.ts'

/** How a family of models writes calls of tools: a marker, JSON with a name and arguments, and a marker. */
export interface CallMarkers {
  /** Empty where calls have no marker: then they are the whole answer. */
  readonly open: string
  /** Empty where the JSON's end is the call's. */
  readonly close: string
  /** A marker that may stand before calls without one. */
  readonly tag: string
  /** Whether a name may stand before the JSON, which is then the arguments alone. */
  readonly hasHead: boolean
  readonly newId: () => string
}

const openAiId = () => `call_${randomId().slice(0, 24)}`

export const callMarkers: Readonly<Record<ToolFormat, CallMarkers>> = {
  hermes: { open: '<tool_call>', close: '</tool_call>', tag: '', hasHead: false, newId: openAiId },
  llama3_json: { open: '', close: '', tag: '<|python_tag|>', hasHead: false, newId: openAiId },
  // Mistral's templates refuse ids of another length.
  mistral: { open: '[TOOL_CALLS]', close: '', tag: '', hasHead: true, newId: () => randomId().slice(0, 9) },
}

/** The special tokens of a format, as tokenizers name them. */
export const markersOfCalls = (format: ToolFormat): readonly string[] => {
  const { open, close, tag } = callMarkers[format]
  return [
    ...[open, close, tag].filter((marker) => marker !== ''),
    ...(open === '[TOOL_CALLS]' ? headMarkers : []),
  ]
}

const headMarkers = ['[ARGS]', '[CALL_ID]']
const head = /^\s*([\w.-]{1,64})(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*$/

/**
 * The calls that are written in JSON.
 *
 * @param name What stands before the JSON.
 * @returns Nothing where the JSON is not valid, or describes no calls.
 */
export function readCalls({ newId }: CallMarkers, name: string, json: string): WrittenCall[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  const named = head.exec(name)?.[1]
  const described = named ? [{ name: named, arguments: value }] : Array.isArray(value) ? value : [value]
  const calls = described.map((one) => toCall(one, newId))
  return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function toCall(described: unknown, newId: () => string): WrittenCall | undefined {
  if (!isObject(described) || typeof described.name !== 'string' || described.name === '') return undefined
  const json = argumentsOf(described.arguments ?? described.parameters ?? {})
  if (json === undefined) return undefined
  return { id: newId(), type: 'function', function: { name: described.name, arguments: json } }
}

/** Some models write the arguments as a string. */
function argumentsOf(value: unknown): string | undefined {
  if (isObject(value)) return JSON.stringify(value)
  if (typeof value !== 'string') return undefined
  try {
    return isObject(JSON.parse(value)) ? value : undefined
  } catch {
    return undefined
  }
}
