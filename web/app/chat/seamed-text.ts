import type { Tier } from '../../../models/core/index.ts'
import { tierWords } from '../../view/words.ts'

export interface SeamedText {
  /** Adds text that a place wrote; a seam shows where another place went on. */
  add(text: string, tier: Tier): void
  clear(): void
  /** Seams so far. */
  readonly seams: number
}

/** Shows a text whose runs are coloured by the place that wrote them. Readers of the screen hear the place before its run. */
export function createSeamedText(element: HTMLElement): SeamedText {
  let run: HTMLElement | undefined
  let runs = 0
  const open = (tier: Tier) => {
    const mark = document.createElement('i')
    mark.className = 'mark'
    mark.dataset.tier = tier
    const place = document.createElement('span')
    place.className = 'unseen'
    place.textContent = ` (${tierWords[tier]}:) `
    run = document.createElement('span')
    run.className = 'run'
    run.dataset.tier = tier
    if (runs > 0) mark.classList.add('seam')
    element.append(mark, place, run)
    runs++
    return run
  }
  return {
    add: (text, tier) => {
      const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40
      const into = run?.dataset.tier === tier ? run : open(tier)
      into.append(text)
      // A visitor who has scrolled back reads there.
      if (isAtEnd) element.scrollTop = element.scrollHeight
    },
    clear: () => {
      element.replaceChildren()
      run = undefined
      runs = 0
    },
    get seams() {
      return Math.max(0, runs - 1)
    },
  }
}
