export interface StoryView {
  readonly element: HTMLElement
  began(): void
  add(text: string, tokens: number): void
  /** @param how What came of it, in a few words. */
  ended(how: string): void
}

/** One story: its text as it comes, how many tokens it has, and a button that stops it or goes on with it. */
export function createStoryView(
  number: number,
  opening: string,
  { onStop, onGoOn }: { readonly onStop: () => void; readonly onGoOn: () => void },
): StoryView {
  const title = document.createElement('h3')
  title.textContent = `Story ${number + 1}`
  title.id = `story-${number}-title`

  const state = document.createElement('p')
  state.className = 'story-state'

  const begin = document.createElement('span')
  begin.className = 'story-opening'
  begin.textContent = opening
  const told = document.createElement('span')
  told.dataset.testid = 'told'
  const text = document.createElement('p')
  text.className = 'story-text'
  text.append(begin, told)

  const button = document.createElement('button')
  button.type = 'button'
  button.addEventListener('click', () => (running ? onStop() : onGoOn()))

  const element = document.createElement('article')
  element.className = 'story panel'
  element.dataset.testid = `story-${number}`
  element.setAttribute('aria-labelledby', title.id)
  element.append(title, state, text, button)

  let running = false
  let tokens = 0
  const show = (isRunning: boolean, how: string) => {
    running = isRunning
    element.dataset.state = isRunning ? 'running' : 'ended'
    element.setAttribute('aria-busy', String(isRunning))
    state.textContent = how
    button.textContent = isRunning ? 'Stop' : 'Go on'
    button.setAttribute('aria-label', `${button.textContent}: story ${number + 1}`)
  }
  show(false, '')
  return {
    element,
    began: () => show(true, 'Waiting'),
    add: (piece, count) => {
      tokens += count
      told.append(piece)
      element.dataset.tokens = String(tokens)
      state.textContent = `${tokens} tokens`
    },
    ended: (how) => {
      // One that was stopped before its first token has ended, too.
      element.dataset.tokens = String(tokens)
      show(false, `${tokens} tokens, ${how}`)
    },
  }
}
