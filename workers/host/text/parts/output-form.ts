import type { OutputForm, ReasoningMarkers } from '../types.ts'

/** The markers of thoughts that models are published with. */
const knownMarkers: readonly ReasoningMarkers[] = [
  { open: '<think>', close: '</think>' },
  { open: '[THINK]', close: '[/THINK]' },
]

/** The form of a model's output, as its chat template shows it. Templates name the marker that ends a thought. */
export function outputFormOf(template: string | undefined): OutputForm {
  const reasoning = template && knownMarkers.find(({ close }) => template.includes(close))
  return reasoning ? { reasoning } : {}
}
