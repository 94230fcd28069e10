import type { Library } from '../../search/library.ts'
import type { Neighbour } from '../../search/neighbours.ts'
import { markWords } from '../../search/split.ts'
import { percent } from '../../view/words.ts'

/** Shows passages by rank, each with a button that searches for more like it. */
export function createResultsView(list: HTMLElement, onMore: (index: number) => void) {
  list.addEventListener('click', ({ target }) => {
    if (target instanceof HTMLButtonElement) onMore(Number(target.value))
  })
  return (library: Library, found: readonly Neighbour[], query: string): void => {
    list.replaceChildren(
      ...found.map(({ index, score }) => {
        const item = document.createElement('li')
        item.className = 'panel'
        item.dataset.passage = String(index)
        const text = document.createElement('p')
        text.append(
          ...markWords(library.texts[index] ?? '', query).map(({ text, isMarked }) => {
            if (!isMarked) return text
            const mark = document.createElement('mark')
            mark.textContent = text
            return mark
          }),
        )
        const more = document.createElement('button')
        more.type = 'button'
        more.value = String(index)
        more.textContent = 'More like this'
        // A passage that was not read yet is like no other.
        more.disabled = !library.vector(index)
        const likeness = document.createElement('span')
        likeness.className = 'quiet'
        likeness.textContent = `Passage ${index + 1} of ${library.size}, ${percent(Math.max(0, score))} alike`
        const foot = document.createElement('div')
        foot.append(likeness, more)
        item.append(text, foot)
        return item
      }),
    )
  }
}
