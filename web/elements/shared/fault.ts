import { html, nothing } from 'lit/html.js'
import { SpillwayError } from '../../../models/core/error.ts'
import { faultWords } from '../../view/error-words.ts'
import { sentence } from '../../view/words.ts'

/** The failure that an element shows. */
export const faultOf = (cause: unknown): SpillwayError =>
  SpillwayError.from(cause, 'internal', 'The element failed')

/** An error in words for visitors, its code, and a button that tries again. */
export const faultView = (error: SpillwayError | undefined, onRetry: () => void) =>
  error
    ? html`<div class="error" part="error" role="alert">
        <p>${sentence(faultWords(error))}
          <code part="code" title=${error.message}>${error.code}</code></p>
        <button type="button" part="button" @click=${onRetry}>Try again</button>
      </div>`
    : nothing
