import type { Placement, Timings } from '../../models/index.ts'
import { find } from './find.ts'
import { backendName, milliseconds, sentence, tierWords } from './words.ts'

export interface PlacementView {
  show(placement: Placement, timings: Timings): void
  clear(): void
}

/** Where the last request ran, why there, and how long it took. */
export function createPlacementView(panel: HTMLElement): PlacementView {
  const where = find('[data-part="where"]', HTMLElement, panel)
  const because = find('[data-part="because"]', HTMLElement, panel)
  const timingsList = find('[data-testid="timings"]', HTMLElement, panel)
  const figures = (['total', 'compute', 'queue'] as const).map(
    (name) => [name, find(`[data-part="${name}"]`, HTMLElement, timingsList)] as const,
  )
  const idle = { where: where.textContent ?? '', because: because.textContent ?? '' }

  return {
    show: ({ tier, backend, variant, reason, because: why }, { totalMs, computeMs, queueMs }) => {
      Object.assign(panel.dataset, { tier, backend, variant, reason })
      where.textContent = `${tierWords[tier]}, ${backendName(backend)}, ${variant}`
      because.textContent = sentence(why)
      const ms = { total: totalMs, compute: computeMs, queue: queueMs }
      for (const [name, figure] of figures) {
        timingsList.dataset[name] = ms[name].toFixed(3)
        figure.textContent = milliseconds(ms[name])
      }
    },
    clear: () => {
      for (const name of ['tier', 'backend', 'variant', 'reason'] as const) delete panel.dataset[name]
      where.textContent = idle.where
      because.textContent = idle.because
      for (const [name, figure] of figures) {
        delete timingsList.dataset[name]
        figure.textContent = '–'
      }
    },
  }
}
