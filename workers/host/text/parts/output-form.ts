import type { OutputForm, ReasoningMarkers, ToolFormat } from '../types.ts'

/** The markers of thoughts that models are published with. */
const knownMarkers: readonly ReasoningMarkers[] = [
  { open: '<think>', close: '</think>' },
  { open: '[THINK]', close: '[/THINK]' },
]

/** The form of a model's output, as its chat templates show it. Templates name the marker that ends a thought. */
export function outputFormOf(templates: readonly string[]): OutputForm {
  const all = templates.join('\n')
  const reasoning = knownMarkers.find(({ close }) => all.includes(close))
  const tools = toolFormatOf(all)
  return { ...(reasoning && { reasoning }), ...(tools && { tools }) }
}

/** Calls that are written as XML have the marker of Hermes, too. */
const isXml = (template: string) => /<function=|<arg_key>/.test(template)

function toolFormatOf(template: string): ToolFormat | undefined {
  if (template.includes('<tool_call>')) return isXml(template) ? undefined : 'hermes'
  if (template.includes('[TOOL_CALLS]')) return 'mistral'
  const isLlama = /<\|python_tag\|>|["']ipython["']/.test(template)
  return isLlama && template.includes('"parameters"') ? 'llama3_json' : undefined
}
