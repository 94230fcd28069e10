import { largestIndex, probabilities } from '../drawing/probabilities.ts'
import type { Announcer } from '../view/announce.ts'
import { find } from '../view/find.ts'
import { percent } from '../view/words.ts'
import type { Bars } from './bars.ts'

export interface ResultView {
  show(labels: readonly string[], logits: Iterable<number | bigint>, where: string): void
  clear(): void
}

/** Shows the most probable digit, its probability, and a bar for each digit. */
export function createResultView(panel: HTMLElement, bars: Bars, announcer: Announcer): ResultView {
  const winner = find('[data-testid="result"]', HTMLElement, panel)
  const share = find('[data-part="share"]', HTMLElement, panel)
  return {
    show: (labels, logits, where) => {
      const shares = probabilities(logits)
      const index = largestIndex(shares)
      const label = labels[index] ?? ''
      bars.show(shares)
      winner.textContent = label
      share.textContent = percent(shares[index] ?? 0)
      announcer.settled(`${label}, ${share.textContent}. ${where}.`)
    },
    clear: () => {
      bars.clear()
      winner.textContent = ''
      share.textContent = ''
    },
  }
}
