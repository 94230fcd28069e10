import type { LanguageModelV3CallOptions, SharedV3Warning } from '@ai-sdk/provider'
import type { GenerateRequest } from '../../text/tools.ts'

/** The tools of a call, without `execute`: the SDK runs them. */
export interface CallTools {
  readonly tools: GenerateRequest['tools']
  readonly toolChoice?: GenerateRequest['toolChoice']
  readonly warnings: readonly SharedV3Warning[]
}

export function toTools({ tools = [], toolChoice }: LanguageModelV3CallOptions): CallTools {
  if (toolChoice?.type === 'none') return { tools: undefined, warnings: [] }
  const warnings: SharedV3Warning[] = []
  const functions = tools.flatMap((tool) => {
    if (tool.type === 'provider') {
      warnings.push({ type: 'unsupported', feature: `the tool ${tool.id} of a provider` })
      return []
    }
    const { name, description, inputSchema, strict } = tool
    const definition = { description, parameters: { ...inputSchema }, strict }
    return [[name, definition] as const]
  })
  if (functions.length === 0) return { tools: undefined, warnings }
  return {
    tools: Object.fromEntries(functions),
    ...(toolChoice?.type === 'required' && { toolChoice: 'required' }),
    ...(toolChoice?.type === 'tool' && { toolChoice: { name: toolChoice.toolName } }),
    warnings,
  }
}
