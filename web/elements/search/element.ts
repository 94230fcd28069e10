import type { SpillwayError } from '../../../models/core/error.ts'
import type { SpillwayElementEvents } from '../events.ts'
import { SpillwayFormElement } from '../form-element.ts'
import type { GetRuntime, View } from '../spillway-element.ts'

/** A passage that a search has found. */
export interface SearchResult {
  /** Its number among the texts that are searched. */
  readonly index: number
  readonly text: string
  /** How much alike it and what was searched for are: the cosine of their vectors, at most 1; null where nothing was. */
  readonly score: number | null
  /** What a form sends where it is chosen: the attribute `data-value` of the element that has the text, or the text. */
  readonly value: string
}

/** The events of `<spillway-search>`. `change` is beside them: the value is another one. */
export interface SearchEvents extends SpillwayElementEvents {
  /** Other passages are shown. */
  results: CustomEvent<readonly SearchResult[]>
  /** The visitor has chosen a passage. */
  select: CustomEvent<SearchResult>
}

/** What the view gets of its element. */
export interface SearchHost {
  readonly element: SpillwaySearchElement
  readonly root: ShadowRoot
  readonly getRuntime: GetRuntime
  readonly report: (error: SpillwayError) => void
  /** Other passages are shown. */
  readonly found: (results: readonly SearchResult[]) => void
  /** The visitor has chosen a passage. */
  readonly chosen: (result: SearchResult) => void
  /** The texts have changed: the chosen one is this now, or no longer among them. */
  readonly moved: (result: SearchResult | null) => void
}

export interface SearchView extends View {
  query: string
  moreLike(index: number): void
  searchFile(file: Blob): void
  clear(): void
}

/**
 * `<spillway-search>`: passages ranked by meaning as one types, and more like one of them. The passages are the child
 * elements, a list of texts, or a text at an address. In a form its value is the passage that was chosen.
 *
 * @fires results Other passages are shown: a `CustomEvent`, its `detail` as the property `results`.
 * @fires select The visitor has chosen a passage: a `CustomEvent` whose `detail` is the result.
 * @fires change The value is another one.
 * @fires error An `ErrorEvent`; its `error` is a SpillwayError.
 */
export class SpillwaySearchElement extends SpillwayFormElement<SearchEvents> {
  static readonly observedAttributes = [
    'model',
    'policy',
    'src',
    'top',
    'max-texts',
    'files',
    'selectable',
    'placeholder',
    'label',
    'disabled',
    'required',
  ]

  protected override readonly settable = ['model', 'policy', 'texts', 'query', 'name', 'disabled', 'required']
  declare protected view: SearchView | undefined
  protected readonly missing = 'Choose a passage.'
  #texts: readonly string[] | null = null
  #results: readonly SearchResult[] = []
  #selected: SearchResult | null = null

  constructor() {
    super()
    // Until its code is here the passages are shown as they stand.
    this.root.append(document.createElement('slot'))
  }

  /** The texts that are searched in place of the child elements; null: those are. */
  get texts(): readonly string[] | null {
    return this.#texts
  }
  set texts(value: readonly string[] | null) {
    this.#texts = value === null ? null : [...value]
    this.view?.update()
  }
  /** What is searched for, as a visitor types it. Empty: the passages are shown in their own order. */
  get query(): string {
    return this.view?.query ?? ''
  }
  set query(value: string) {
    this.onceShown(() => {
      if (this.view) this.view.query = value
    })
  }
  /** The passages that are shown, the nearest first. */
  get results(): readonly SearchResult[] {
    return this.#results
  }
  /** The passage that the visitor has chosen. */
  get selected(): SearchResult | null {
    return this.#selected
  }
  /** Shows the passages nearest to one of the texts, by its number. */
  moreLike(index: number): void {
    this.onceShown(() => this.view?.moreLike(index))
  }
  /** Searches the text of a file, as one that a visitor chooses. `clear()` leaves it. */
  searchFile(file: Blob): void {
    this.onceShown(() => this.view?.searchFile(file))
  }
  /** Leaves the visitor's file, and forgets what is searched for and what was chosen. */
  clear(): void {
    this.#choose(null)
    this.view?.clear()
  }

  protected async show(): Promise<View> {
    const { createView } = await import('./view.ts')
    const { root, getRuntime, report } = this
    return createView({
      element: this,
      root,
      getRuntime,
      report,
      found: (results) => {
        this.#results = results
        this.dispatchEvent(new CustomEvent('results', { detail: results }))
      },
      chosen: (result) => {
        this.#choose(result)
        this.dispatchEvent(new CustomEvent('select', { detail: result }))
      },
      moved: (result) => this.#choose(result),
    })
  }

  #choose(result: SearchResult | null): void {
    this.#selected = result
    if (this.setValue(result?.value ?? null)) this.dispatchChange()
  }
}
