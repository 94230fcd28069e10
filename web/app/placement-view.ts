import type { Placement } from '../../models/core/index.ts'
import { find } from '../view/find.ts'
import { backendName, sentence, tierWords } from '../view/words.ts'

export interface PlacementView {
  show(placement: Placement): void
  clear(): void
}

/** Shows where the last request ran, and why. */
export function createPlacementView(panel: HTMLElement): PlacementView {
  const where = find('[data-part="where"]', HTMLElement, panel)
  const explanation = find('[data-part="explanation"]', HTMLElement, panel)
  const idle = { where: where.textContent ?? '', explanation: explanation.textContent ?? '' }
  return {
    show: ({ tier, backend, variant, reason, explanation: why }) => {
      Object.assign(panel.dataset, { tier, backend, variant, reason })
      where.textContent = `${tierWords[tier]}, ${backendName(backend)}, ${variant}`
      explanation.textContent = sentence(why)
    },
    clear: () => {
      for (const name of ['tier', 'backend', 'variant', 'reason'] as const) delete panel.dataset[name]
      where.textContent = idle.where
      explanation.textContent = idle.explanation
    },
  }
}
