import type { SpillwayError } from '../../models/core/index.ts'
import { errorWords } from '../view/error-words.ts'
import { find } from '../view/find.ts'
import { sentence } from '../view/words.ts'

export interface ErrorView {
  show(error: SpillwayError): void
  clear(): void
  readonly isClear: boolean
}

/**
 * Shows an error in words for visitors, with a button to try again. Its message for developers unfolds, and its code leads
 * to the guide that explains it.
 */
export function createErrorView(
  banner: HTMLElement,
  onRetry: () => void,
  wordsOf: (error: SpillwayError) => string = ({ code }) => errorWords(code),
): ErrorView {
  const message = find('[data-part="message"]', HTMLElement, banner)
  const code = find('[data-part="code"]', HTMLElement, banner)
  const detail = find('[data-part="detail"]', HTMLElement, banner)
  const guide = document.createElement('a')
  code.append(guide)
  find('button', HTMLButtonElement, banner).addEventListener('click', onRetry)
  return {
    show: (error) => {
      banner.dataset.code = error.code
      guide.textContent = error.code
      guide.href = `./docs/errors.html#${error.code}`
      detail.textContent = error.message
      // Written only when it changes: a screen reader must not read the same error again.
      const words = sentence(wordsOf(error))
      if (message.textContent !== words) message.textContent = words
      banner.hidden = false
    },
    clear: () => {
      banner.hidden = true
      delete banner.dataset.code
      message.textContent = ''
    },
    get isClear() {
      return banner.hidden !== false
    },
  }
}
