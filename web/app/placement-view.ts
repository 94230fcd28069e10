import type { Placement } from '../../models/core/index.ts'
import { find } from './find.ts'
import { backendName, sentence, tierWords } from './words.ts'

export interface PlacementView {
  show(placement: Placement): void
  clear(): void
}

/** Where the last request ran, and why there. */
export function createPlacementView(panel: HTMLElement): PlacementView {
  const where = find('[data-part="where"]', HTMLElement, panel)
  const because = find('[data-part="because"]', HTMLElement, panel)
  const idle = { where: where.textContent ?? '', because: because.textContent ?? '' }
  return {
    show: ({ tier, backend, variant, reason, because: why }) => {
      Object.assign(panel.dataset, { tier, backend, variant, reason })
      where.textContent = `${tierWords[tier]}, ${backendName(backend)}, ${variant}`
      because.textContent = sentence(why)
    },
    clear: () => {
      for (const name of ['tier', 'backend', 'variant', 'reason'] as const) delete panel.dataset[name]
      where.textContent = idle.where
      because.textContent = idle.because
    },
  }
}
