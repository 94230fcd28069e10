import { html, nothing } from 'lit/html.js'
import type { SpillwayError } from '../../../models/core/error.ts'
import type { Placement } from '../../../models/core/placement.ts'
import { markWords } from '../../search/split.ts'
import { milliseconds, percent, tierWords } from '../../view/words.ts'
import { faultView } from '../shared/fault.ts'
import type { SearchResult, SpillwaySearchElement } from './element.ts'
import { type Passage, slotOf } from './passages.ts'

/** What an element shows. */
export interface Shown {
  readonly results: readonly SearchResult[]
  readonly passages: readonly Passage[]
  /** How the model is loaded; empty once it is. */
  readonly loading: string
  /** How many passages are read, and what cannot be found. */
  readonly note: string
  readonly error: SpillwayError | undefined
  /** What was searched for, and where it was embedded. */
  readonly asked:
    | { readonly query: string; readonly placement: Placement | undefined; readonly ms: number }
    | undefined
}

/** What a visitor can do. */
export interface Actions {
  readonly search: (text: string) => void
  readonly more: (index: number) => void
  readonly choose: (result: SearchResult) => void
  readonly file: (file: File) => void
  /** Back to the passages of the page. */
  readonly leave: () => void
  readonly retry: () => void
}

export function template(element: SpillwaySearchElement, shown: Shown, hasFile: boolean, actions: Actions) {
  const { results, loading, note, error, asked } = shown
  const label = element.getAttribute('label') ?? 'Search'
  const tier = asked?.placement?.tier
  return html`<div class="frame" part="frame" ?inert=${element.disabled}>
    <form part="form" role="search" @submit=${(event: Event) => event.preventDefault()}>
      <input type="search" part="input" maxlength="1000" autocomplete="off" aria-label=${label}
        placeholder=${element.getAttribute('placeholder') ?? 'What are you looking for?'}
        @input=${({ currentTarget }: Event) => {
          if (currentTarget instanceof HTMLInputElement) actions.search(currentTarget.value)
        }}>
      ${element.hasAttribute('files') ? fileButton(hasFile, actions) : nothing}
    </form>
    <div class="state">
      <p class="place" part="place" data-tier=${tier ?? nothing}>${
        asked && tier
          ? html`<span class="mark" aria-hidden="true"></span>${tierWords[tier]}, ${milliseconds(asked.ms)}`
          : nothing
      }</p>
      <p class="loading" part="loading">${loading === '' ? note : loading}</p>
    </div>
    ${faultView(error, actions.retry)}
    <slot name="before-results"></slot>
    ${results.length === 0 ? html`<slot name="empty">${hintOf(element)}</slot>` : nothing}
    <ol class="results" part="results" aria-label="Passages" tabindex="-1">
      ${results.map((result) => row(element, shown, result, actions))}
    </ol>
    <p class="unseen" role="status"></p>
  </div>`
}

const hintOf = (element: Element) =>
  element.hasAttribute('files') ? html`<p class="quiet">Choose a text file, or drop it here.</p>` : nothing

function fileButton(hasFile: boolean, { file, leave }: Actions) {
  if (hasFile) return html`<button type="button" part="button" @click=${leave}>Leave the file</button>`
  return html`<button type="button" part="button" @click=${({ currentTarget }: Event) => {
    if (currentTarget instanceof Element && currentTarget.nextElementSibling instanceof HTMLInputElement)
      currentTarget.nextElementSibling.click()
  }}>Choose a text file</button><input type="file" accept="text/*,.md" hidden @change=${({
    currentTarget,
  }: Event) => {
    if (!(currentTarget instanceof HTMLInputElement)) return
    const [chosen] = currentTarget.files ?? []
    if (chosen) file(chosen)
    // The same file may be chosen again.
    currentTarget.value = ''
  }}>`
}

function row(
  element: SpillwaySearchElement,
  { passages, asked }: Shown,
  result: SearchResult,
  { more, choose }: Actions,
) {
  const { index, text, score } = result
  const isChosen = element.selected?.index === index
  return html`<li class="result" part="result" ?data-chosen=${isChosen}>
    <div class="text" part="text">${
      passages[index]?.element ? html`<slot name=${slotOf(index)}></slot>` : marked(text, asked?.query ?? '')
    }</div>
    <div class="foot" part="tools">
      <span class="likeness" part="likeness">${score === null ? nothing : `${percent(Math.max(0, score))} alike`}</span>
      <button type="button" part="button" @click=${() => more(index)}>More like this</button>
      ${
        element.hasAttribute('selectable')
          ? html`<button type="button" part="button" aria-pressed=${isChosen ? 'true' : 'false'} @click=${() => choose(result)}>${isChosen ? 'Chosen' : 'Choose'}</button>`
          : nothing
      }
    </div>
  </li>`
}

const marked = (text: string, query: string) =>
  markWords(text, query).map(({ text: piece, isMarked }) =>
    isMarked ? html`<mark part="mark">${piece}</mark>` : piece,
  )
