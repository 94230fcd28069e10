import { largestIndex } from '../drawing/probabilities.ts'
import { percent } from '../view/words.ts'

export interface Bars {
  /** One bar per label, from left to right. */
  setLabels(labels: readonly string[]): void
  show(shares: readonly number[]): void
  clear(): void
}

/** A bar chart with one bar a label, as high as the label's probability. */
export function createBars(list: HTMLElement): Bars {
  let bars: readonly Bar[] = []
  let shown = ''
  return {
    setLabels: (labels) => {
      if (shown === labels.join('\n')) return
      shown = labels.join('\n')
      bars = labels.map(createBar)
      list.replaceChildren(...bars.map(({ item }) => item))
    },
    show: (shares) => {
      const winner = largestIndex(shares)
      bars.forEach((bar, index) => {
        bar.show(shares[index] ?? 0, index === winner)
      })
    },
    clear: () => {
      for (const bar of bars) bar.show(0, false)
    },
  }
}

interface Bar {
  readonly item: HTMLLIElement
  show(share: number, wins: boolean): void
}

function createBar(label: string, index: number): Bar {
  const item = document.createElement('li')
  item.className = 'bar'
  item.dataset.testid = `bar-${index}`
  const name = part('bar-label', label)
  const share = part('bar-share')
  const fill = part('bar-fill')
  const track = part('bar-track')
  track.append(fill)
  // Screen readers read in this order: label, share.
  item.append(name, track, share)
  const show = (value: number, wins: boolean) => {
    item.toggleAttribute('data-winner', wins)
    item.dataset.share = value.toFixed(4)
    item.style.setProperty('--share', String(value))
    share.toggleAttribute('data-slight', value < 0.005)
    share.textContent = percent(value)
  }
  show(0, false)
  return { item, show }
}

function part(name: string, text = ''): HTMLSpanElement {
  const span = document.createElement('span')
  span.className = name
  span.textContent = text
  return span
}
