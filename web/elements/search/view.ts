import { nothing, render } from 'lit/html.js'
import { systemClock } from '../../../models/async/clock.ts'
import type { SpillwayError } from '../../../models/core/error.ts'
import type { Placement } from '../../../models/core/placement.ts'
import type { Model } from '../../api/model.ts'
import { Library } from '../../search/library.ts'
import { createVectorStore } from '../../search/vector-store.ts'
import { type Announcer, createAnnouncer } from '../../view/announce.ts'
import { find } from '../../view/find.ts'
import { LatestTask } from '../../view/latest-task.ts'
import { countOf, countText } from '../../view/words.ts'
import { ElementModel } from '../shared/element-model.ts'
import { faultOf } from '../shared/fault.ts'
import { baseSheet } from '../shared/sheet.ts'
import { takeDropped } from '../shared/take-files.ts'
import type { SearchHost, SearchResult, SearchView } from './element.ts'
import { assignSlots, type Passage, readPassages, releaseSlots } from './passages.ts'
import { settingsOf } from './settings.ts'
import { searchSheet } from './sheet.ts'
import { type Shown, template } from './template.ts'

/** Of all elements of the page. */
const vectors = createVectorStore({ clock: systemClock })

export const createView = (host: SearchHost): SearchView => new PassagesView(host)

/** What is searched, and with what. */
interface Reading {
  readonly passages: readonly Passage[]
  readonly library: Library
  /** Undefined until it is here. */
  readonly model?: Model
}

/** The vector of what is searched for, and where it was embedded. */
interface Asked {
  readonly text: string
  readonly model: Model
  readonly vector: Float32Array
  readonly placement: Placement | undefined
  readonly ms: number
}

class PassagesView implements SearchView {
  readonly #host: SearchHost
  readonly #closing = new AbortController()
  readonly #model: ElementModel
  readonly #announce: Announcer
  readonly #reader = new LatestTask((signal) => this.#read(signal))
  readonly #ranker = new LatestTask((signal) => this.#rank(signal))
  readonly #children: MutationObserver
  #file: Blob | undefined
  #reading: Reading | undefined
  #asked: Asked | undefined
  #query = ''
  #like: number | undefined
  #shown: Shown = { results: [], passages: [], loading: '', note: '', error: undefined, asked: undefined }

  constructor(host: SearchHost) {
    this.#host = host
    const { element, root } = host
    const { signal } = this.#closing
    // All that there is until now is the slot of the passages as they stand. What lit has rendered before keeps its place.
    root.querySelector('slot')?.remove()
    root.adoptedStyleSheets = [baseSheet, searchSheet]
    this.#model = new ElementModel(host.getRuntime, (loading) => this.#show({ loading }))
    this.#show({})
    this.#announce = createAnnouncer(find('[role="status"]', HTMLElement, root))
    takeDropped(find('.frame', HTMLElement, root), {
      signal,
      allows: () => element.hasAttribute('files') && !element.disabled,
      take: (file) => this.searchFile(file),
    })
    this.#children = new MutationObserver(() => this.#reader.restart())
    this.#children.observe(element, { childList: true, characterData: true, subtree: true })
    this.#reader.request()
  }

  get query(): string {
    return this.#query
  }
  set query(text: string) {
    find('input', HTMLInputElement, this.#host.root).value = text
    this.#search(text)
  }

  moreLike(index: number): void {
    find('input', HTMLInputElement, this.#host.root).value = ''
    this.#query = ''
    this.#like = index
    this.#ranker.request()
  }

  searchFile(file: Blob): void {
    this.#file = file
    this.#restart()
  }

  clear(): void {
    const hadFile = this.#file !== undefined
    this.#file = undefined
    this.query = ''
    if (hadFile) this.#restart()
  }

  update(): void {
    this.#restart()
  }

  close(): void {
    this.#closing.abort()
    this.#children.disconnect()
    this.#model.close()
    this.#reader.restart()
    this.#ranker.restart()
    releaseSlots(this.#host.element)
    // Connected again, the element begins anew.
    render(nothing, this.#host.root)
    this.#host.root.append(document.createElement('slot'))
  }

  #search(text: string): void {
    this.#query = text
    this.#like = undefined
    // What failed is tried again.
    if (this.#shown.error) this.#restart()
    this.#ranker.request()
  }

  #restart(): void {
    this.#show({ error: undefined })
    this.#reader.restart()
  }

  /** Reads the passages, and embeds those of which the vectors are not kept. Never rejects. */
  async #read(signal: AbortSignal): Promise<void> {
    if (this.#closing.signal.aborted) return
    const { element } = this.#host
    const file = this.#file
    try {
      const settings = settingsOf(element)
      const { model: id, policy } = settings
      this.#model.keep(id, policy)
      const passages = await readPassages(element, file, settings, signal).catch((cause: unknown) => {
        // One that is refused is not there: what was searched before still is.
        if (this.#file === file) this.#file = undefined
        throw cause
      })
      if (signal.aborted) return
      const texts = passages.map(({ text }) => text)
      const before = this.#reading
      const isSame = before !== undefined && isEqual(before.library.texts, texts)
      // Shown in their own order until the model is here.
      this.#take(isSame ? { ...before, passages } : { passages, library: new Library(texts) })
      const model = await this.#model.open(id, policy)
      if (signal.aborted) return
      if (isSame && before.model === model && before.library.isWhole) return
      const library = new Library(texts)
      this.#show({ note: '' })
      this.#take({ passages, library, model })
      const kept = await library.embed(model, {
        signal,
        policy,
        // Of a visitor's own text nothing is kept.
        store: file ? undefined : vectors,
        onProgress: (done) => {
          if (signal.aborted) return
          const isDone = done === texts.length
          this.#show({ note: isDone ? '' : `${countText(done)} of ${countOf(texts.length, 'passage')} read` })
          this.#ranker.request()
        },
      })
      if (!signal.aborted) this.#show({ note: noteOf(library, kept === 'full') })
    } catch (cause) {
      this.#fail(cause, signal)
    }
  }

  #take(reading: Reading): void {
    const { passages, library } = reading
    if (!isEqual(this.#reading?.library.texts ?? [], library.texts)) {
      this.#like = undefined
      const { selected } = this.#host.element
      const index = selected ? library.texts.indexOf(selected.text) : -1
      if (selected) this.#host.moved(index < 0 ? null : { ...selected, index })
    }
    this.#reading = reading
    releaseSlots(this.#host.element)
    assignSlots(passages)
    this.#ranker.restart()
  }

  /** Shows what is nearest now. Never rejects. */
  async #rank(signal: AbortSignal): Promise<void> {
    const reading = this.#reading
    if (!reading || this.#closing.signal.aborted) return
    try {
      const { top, policy } = settingsOf(this.#host.element)
      const { library, model } = reading
      const like = this.#like
      const text = like === undefined && model ? this.#query.trim() : ''
      if (model && text !== '') await this.#ask(model, text, signal, policy)
      if (signal.aborted || reading !== this.#reading) return
      const vector = text === '' ? like !== undefined && library.vector(like) : this.#asked?.vector
      if (vector) this.#found(reading, library.nearest(vector, top), text)
      else if (like === undefined) this.#found(reading, inOrder(reading, top), '')
    } catch (cause) {
      this.#fail(cause, signal)
    }
  }

  async #ask(
    model: Model,
    text: string,
    signal: AbortSignal,
    policy: ReturnType<typeof settingsOf>['policy'],
  ): Promise<void> {
    if (this.#asked?.text === text && this.#asked.model === model) return
    const before = performance.now()
    const truncate = model.manifest.embedding !== undefined
    const { embeddings, placements } = await model.embed(text, {
      signal,
      truncate,
      ...(policy && { policy }),
    })
    const [vector] = embeddings
    if (signal.aborted || !vector) return
    this.#asked = { text, model, vector, placement: placements[0], ms: performance.now() - before }
  }

  #found(
    { passages }: Reading,
    near: readonly { readonly index: number; readonly score: number | null }[],
    query: string,
  ): void {
    const results = near.map(({ index, score }): SearchResult => {
      const { text = '', element } = passages[index] ?? {}
      return { index, text, score, value: element?.dataset.value ?? text }
    })
    const isNew = JSON.stringify(results) !== JSON.stringify(this.#shown.results)
    const asked = query === '' ? undefined : this.#asked
    this.#show({ results, passages, asked: asked && { ...asked, query } })
    if (!isNew) return
    this.#host.found(results)
    if (results.some(({ score }) => score !== null))
      this.#announce.settled(`${countOf(results.length, 'passage')}, the nearest first`)
  }

  #fail(cause: unknown, signal: AbortSignal): void {
    if (signal.aborted || this.#closing.signal.aborted) return
    const error: SpillwayError = faultOf(cause)
    this.#show({ error, note: '' })
    this.#host.report(error)
  }

  #show(change: Partial<Shown>): void {
    this.#shown = { ...this.#shown, ...change }
    if (this.#closing.signal.aborted) return
    const { element, root, chosen } = this.#host
    render(
      template(element, this.#shown, this.#file !== undefined, {
        search: (text) => this.#search(text),
        more: (index) => {
          this.moreLike(index)
          // The button, which had the focus, may leave.
          find('.results', HTMLElement, root).focus()
        },
        choose: (result) => {
          chosen(result)
          this.#show({})
        },
        file: (file) => this.searchFile(file),
        leave: () => element.clear(),
        retry: () => this.#restart(),
      }),
      root,
    )
  }
}

const isEqual = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text, index) => text === other[index])

const inOrder = ({ passages }: Reading, top: number) =>
  passages.slice(0, top).map((_passage, index) => ({ index, score: null }))

/** What a visitor should know of what can be found. */
function noteOf({ truncated }: Library, isFull: boolean): string {
  const { length } = truncated
  const long = length === 0 ? '' : `${countOf(length, 'long passage')} can be found by the beginning only.`
  const full = isFull ? 'This browser has no room to keep what was read: the next visit reads it again.' : ''
  return [long, full].filter((text) => text !== '').join(' ')
}
