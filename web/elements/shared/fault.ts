import { html, nothing } from 'lit/html.js'
import { type ErrorCode, SpillwayError } from '../../../models/core/error.ts'
import { errorWords } from '../../view/error-words.ts'
import { sentence } from '../../view/words.ts'

/** Codes of the page's and the visitor's own mistakes: their messages say what to do, to either. */
const plain: readonly ErrorCode[] = ['input_value_invalid', 'not_supported', 'access_denied']

/** The failure that an element shows. */
export const faultOf = (cause: unknown): SpillwayError =>
  SpillwayError.from(cause, 'internal', 'The element failed')

/** An error in words for visitors, its code, and a button that tries again. */
export const faultView = (error: SpillwayError | undefined, onRetry: () => void) =>
  error
    ? html`<div class="error" part="error" role="alert">
        <p>${plain.includes(error.code) ? error.message : sentence(errorWords(error.code))}
          <code part="code" title=${error.message}>${error.code}</code></p>
        <button type="button" part="button" @click=${onRetry}>Try again</button>
      </div>`
    : nothing
