import {
  type LanguageModelV3CallOptions,
  type SharedV3Warning,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider'
import type { GenerateRequest } from '../../text/tools.ts'

/** The tools of a call, without `execute`: the SDK runs them. */
export interface CallTools {
  readonly tools: GenerateRequest['tools']
  readonly warnings: readonly SharedV3Warning[]
}

/** @throws UnsupportedFunctionalityError For a call that must be made: nothing holds the text to one. */
export function toTools({ tools = [], toolChoice }: LanguageModelV3CallOptions): CallTools {
  if (toolChoice?.type === 'required' || toolChoice?.type === 'tool')
    throw new UnsupportedFunctionalityError({ functionality: `toolChoice "${toolChoice.type}"` })
  if (toolChoice?.type === 'none') return { tools: undefined, warnings: [] }
  const warnings: SharedV3Warning[] = []
  const functions = tools.flatMap((tool) => {
    if (tool.type === 'provider') {
      warnings.push({ type: 'unsupported', feature: `the tool ${tool.id} of a provider` })
      return []
    }
    if (tool.strict) warnings.push({ type: 'unsupported', feature: `strict mode of the tool ${tool.name}` })
    const { name, description, inputSchema } = tool
    return [
      [name, { ...(description !== undefined && { description }), parameters: { ...inputSchema } }] as const,
    ]
  })
  return { tools: functions.length > 0 ? Object.fromEntries(functions) : undefined, warnings }
}
