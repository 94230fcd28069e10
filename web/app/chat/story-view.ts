import { countOf } from '../../view/words.ts'
import { makeScrollRegion } from './scroll-region.ts'

export interface StoryView {
  readonly element: HTMLElement
  started(): void
  add(text: string, tokens: number): void
  /** @param outcome How the story ended, in a few words. */
  ended(outcome: string): void
}

/** Shows one story: its text as it arrives, its number of tokens, and a button that stops or continues it. */
export function createStoryView(
  number: number,
  opening: string,
  { onStop, onContinue }: { readonly onStop: () => void; readonly onContinue: () => void },
): StoryView {
  const title = document.createElement('h3')
  title.textContent = `Story ${number + 1}`
  title.id = `story-${number}-title`

  const state = document.createElement('p')
  state.className = 'story-state'

  const openingPart = document.createElement('span')
  openingPart.className = 'story-opening'
  openingPart.textContent = opening
  const generated = document.createElement('span')
  generated.dataset.testid = 'told'
  const text = document.createElement('p')
  text.className = 'story-text'
  makeScrollRegion(text, `Text of story ${number + 1}`)
  text.append(openingPart, generated)

  const button = document.createElement('button')
  button.type = 'button'
  button.addEventListener('click', () => (running ? onStop() : onContinue()))

  const element = document.createElement('article')
  element.className = 'story panel'
  element.dataset.testid = `story-${number}`
  element.setAttribute('aria-labelledby', title.id)
  element.append(title, state, text, button)

  let running = false
  let tokens = 0
  const show = (isRunning: boolean, status: string) => {
    running = isRunning
    element.dataset.state = isRunning ? 'running' : 'ended'
    element.setAttribute('aria-busy', String(isRunning))
    state.textContent = status
    button.textContent = isRunning ? 'Stop' : 'Go on'
    button.setAttribute('aria-label', `${button.textContent}: story ${number + 1}`)
  }
  show(false, '')
  return {
    element,
    started: () => show(true, 'Waiting'),
    add: (piece, count) => {
      tokens += count
      generated.append(piece)
      text.scrollTop = text.scrollHeight
      element.dataset.tokens = String(tokens)
      state.textContent = countOf(tokens, 'token')
    },
    ended: (outcome) => {
      // A story that was stopped before its first token has no count yet.
      element.dataset.tokens = String(tokens)
      show(false, `${countOf(tokens, 'token')}, ${outcome}`)
    },
  }
}
