import type { Runtime } from '../../api/create-runtime.ts'
import { createAnnouncer } from '../announce.ts'
import { createErrorView } from '../error-view.ts'
import { createFiguresView } from '../figures-view.ts'
import { find } from '../find.ts'
import { oncePerFrame } from '../once-per-frame.ts'
import { Opener } from '../opener.ts'
import { createPlacementView } from '../placement-view.ts'
import { showPolicies } from '../policy-switch.ts'
import { createProgressView } from '../progress-view.ts'
import { milliseconds } from '../words.ts'
import { showCounts } from './counts.ts'
import { openings } from './openings.ts'
import { scrollIntoViewIfBelow } from './scroll-into-view-if-below.ts'
import { createStepsView } from './steps-view.ts'
import { StoryBoard } from './story-board.ts'

/** Wires the parts of the stories page together. */
export function showPage(runtime: Runtime): void {
  const announcer = createAnnouncer(find('#announcements', HTMLElement))
  const placement = createPlacementView(find('#placement', HTMLElement))
  const figures = createFiguresView(find('[data-testid="figures"]', HTMLElement), ['rate', 'shared', 'first'])
  const stepsView = createStepsView(find('#steps', HTMLCanvasElement))
  const stopAll = find('#stop-all', HTMLButtonElement)
  const error = createErrorView(find('#error', HTMLElement), () => {
    error.clear()
    opener.reopen()
  })
  const opener = new Opener(runtime, 'bard', createProgressView(find('#progress', HTMLElement)), error.show)

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
      error.clear()
      announcer.settled(board.running === 0 ? 'All stories have ended' : `Story ${number + 1} has ended`)
      refresh()
    },
    failed: error.show,
  })

  const opening = find('#opening', HTMLTextAreaElement)
  opening.value = openings[0] ?? ''
  const counts = showCounts(find('#counts', HTMLElement))
  const form = find('#tell', HTMLFormElement)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    error.clear()
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
  showPolicies(find('#policies', HTMLElement), runtime.policy, 'story', (policy) => {
    error.clear()
    opener.setPolicy(policy)
  })
  // Their code is not among what a page starts with.
  void import('../spillway/view.ts').then(({ showSpillway }) =>
    showSpillway(find('#spillway', HTMLElement), runtime),
  )
  void Promise.all([runtime.capacity(), import('../capacity-view.ts')]).then(([capacity, { showCapacity }]) =>
    showCapacity(find('#capacity', HTMLElement), capacity),
  )
  stepsView.show([], 1)
  opener.reopen()
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
