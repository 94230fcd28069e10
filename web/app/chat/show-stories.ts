import type { SpillwayError } from '../../../models/core/index.ts'
import { find } from '../../view/find.ts'
import { oncePerFrame } from '../../view/once-per-frame.ts'
import { milliseconds } from '../../view/words.ts'
import { showCounts } from '../counts.ts'
import { createFiguresView } from '../figures-view.ts'
import type { Opener } from '../opener.ts'
import { createPlacementView } from '../placement-view.ts'
import { openings } from './openings.ts'
import { scrollIntoViewIfBelow } from './scroll-into-view-if-below.ts'
import { createStepsView } from './steps-view.ts'
import { StoryBoard } from './story-board.ts'

export interface StoriesWatcher {
  /** New stories are begun, or one has ended as it should. */
  readonly went: () => void
  readonly said: (text: string) => void
  readonly failed: (error: SpillwayError) => void
}

/** Several stories that continue one opening at once, and the steps that they share. */
export function showStories(opener: Opener, { went, said, failed }: StoriesWatcher): void {
  const placement = createPlacementView(find('#placement', HTMLElement))
  const figures = createFiguresView(find('[data-testid="figures"]', HTMLElement), ['rate', 'shared', 'first'])
  const stepsView = createStepsView(find('#steps', HTMLCanvasElement))
  const stopAll = find('#stop-all', HTMLButtonElement)

  const refresh = oncePerFrame(() => {
    const { perSecond, firstMs, steps, running, count } = board
    figures.show({
      ...(perSecond !== undefined && { rate: [perSecond, String(Math.round(perSecond))] }),
      ...(steps.shared !== undefined && { shared: [steps.shared, steps.shared.toFixed(1)] }),
      ...(firstMs !== undefined && { first: [firstMs, milliseconds(firstMs)] }),
    })
    stepsView.show(steps.recent, count)
    stopAll.disabled = running === 0
  })
  const stories = find('#stories', HTMLElement)
  const board = new StoryBoard(stories, opener, stepsView.columns, {
    placement: placement.show,
    changed: refresh,
    ended: (number) => {
      went()
      said(board.running === 0 ? 'All stories have ended' : `Story ${number + 1} has ended`)
      refresh()
    },
    failed,
  })

  const opening = find('#opening', HTMLTextAreaElement)
  // A visitor may have written before the page's script came.
  opening.value ||= openings[0] ?? ''
  const counts = showCounts(find('#counts', HTMLElement), { name: 'count', choices: [1, 2, 4, 8], chosen: 4 })
  const form = find('#tell', HTMLFormElement)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    went()
    placement.clear()
    board.tell(opening.value.trimEnd(), counts.chosen)
    scrollIntoViewIfBelow(stories, find('#placement', HTMLElement))
  })
  opening.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  stopAll.addEventListener('click', () => board.stop())
  showOpenings(find('#openings', HTMLElement), (text) => {
    opening.value = text
  })
  stepsView.show([], 1)
}

function showOpenings(list: HTMLElement, onPick: (text: string) => void): void {
  list.append(
    ...openings.map((text, index) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.dataset.testid = `opening-${index}`
      button.textContent = text
      button.addEventListener('click', () => onPick(text))
      const item = document.createElement('li')
      item.append(button)
      return item
    }),
  )
}
