import { type Policy, SpillwayError, type Tier } from '../../../models/core/index.ts'
import type { Model } from '../../api/model.ts'
import type { GenerationStream, PlacedPiece } from '../../text/generate.ts'
import { find } from '../../view/find.ts'
import { oncePerFrame } from '../../view/once-per-frame.ts'
import { countOf, milliseconds, sentence, tierWords } from '../../view/words.ts'
import { createFiguresView, type FiguresView } from '../figures-view.ts'
import { playText, type RecordedText } from './recorded-text.ts'
import { makeScrollRegion } from './scroll-region.ts'
import { createSeamedText, type SeamedText } from './seamed-text.ts'
import { TokenRate } from './token-rate.ts'

/** New tokens of a text: as many as a column shows without scrolling, in most windows. */
const maxTokens = 128

/** A cut that is asked for before a text is there happens after so many tokens: in mid-sentence, for all to see. */
const tokensBeforeCut = 32

export interface ColumnWatcher {
  changed(): void
  moved(tier: Tier): void
  failed(error: SpillwayError): void
}

/** One of the two texts that continue the same prompt. */
export class Column {
  readonly #element: HTMLElement
  readonly #watcher: ColumnWatcher
  readonly #text: SeamedText
  readonly #show: (state: string) => void
  readonly #figures: FiguresView<'rate' | 'first'>
  readonly #refresh: () => void
  #policy: Policy
  #next: Policy | undefined
  #stream: GenerationStream | undefined
  #abort: AbortController | undefined
  /** Of a recorded text, until one is written. */
  readonly #recorded = new AbortController()
  #rate = new TokenRate()
  #tier: Tier | undefined
  #askedAt = 0
  #firstMs: number | undefined
  #tokens = 0

  /** @param policy Where the text is written as long as nothing is lost. */
  constructor(element: HTMLElement, policy: Policy, watcher: ColumnWatcher) {
    this.#element = element
    this.#policy = policy
    this.#watcher = watcher
    const text = find('[data-part="text"]', HTMLElement, element)
    makeScrollRegion(text, policy === 'prefer-device' ? 'Text begun here' : 'Text begun there')
    this.#text = createSeamedText(text)
    const state = find('[data-part="state"]', HTMLElement, element)
    this.#show = (words) => {
      state.textContent = words
    }
    this.#figures = createFiguresView(find('dl', HTMLElement, element), ['rate', 'first'])
    this.#refresh = oncePerFrame(() => {
      const { perSecond } = this.#rate
      const first = this.#firstMs
      this.#figures.show({
        ...(perSecond !== undefined && { rate: [perSecond, String(Math.round(perSecond))] }),
        ...(first !== undefined && { first: [first, milliseconds(first)] }),
      })
    })
  }

  get isRunning(): boolean {
    return this.#abort !== undefined
  }

  /** Plays a text that was written at another time, where none was written here so far. */
  play(recording: RecordedText, home: Tier): void {
    if (this.#recorded.signal.aborted) return
    this.#element.dataset.state = 'recorded'
    const view = { text: this.#text, figures: this.#figures, show: this.#show }
    playText(recording, home, view, this.#recorded.signal)
  }

  stop(): void {
    this.#abort?.abort()
  }

  /** Writes the next texts under another policy, and the rest of the present one. */
  place(policy: Policy): void {
    this.#next = undefined
    this.#policy = policy
    try {
      this.#stream?.move(policy)
    } catch (cause) {
      this.#watcher.failed(SpillwayError.from(cause, 'internal', 'The page failed'))
    }
  }

  /** The same, after the first tokens of a text that is about to be written. */
  placeSoon(policy: Policy): void {
    this.#next = policy
  }

  async write(prompt: string, open: () => Promise<Model>): Promise<void> {
    this.stop()
    this.#recorded.abort()
    const abort = new AbortController()
    this.#abort = abort
    this.#clear()
    this.#watcher.changed()
    const isShown = () => this.#abort === abort
    try {
      const model = await open()
      abort.signal.throwIfAborted()
      const stream = model.generate(
        // A tale that ends after a few words would leave nothing to cut.
        { prompt, maxTokens, truncation: 'start', ignoreStopTokens: true },
        { signal: abort.signal, policy: this.#policy },
      )
      this.#stream = stream
      for await (const piece of stream) this.#add(piece)
      await stream.result
      if (isShown()) this.#end('as long as a text gets here')
    } catch (cause) {
      if (!isShown()) return
      this.#end(abort.signal.aborted ? 'stopped' : 'interrupted')
      if (!abort.signal.aborted)
        this.#watcher.failed(SpillwayError.from(cause, 'internal', 'The page failed'))
    }
  }

  #clear(): void {
    this.#stream = undefined
    this.#tier = undefined
    this.#rate = new TokenRate()
    this.#firstMs = undefined
    this.#tokens = 0
    this.#askedAt = performance.now()
    this.#text.clear()
    this.#element.dataset.state = 'running'
    this.#element.dataset.seams = '0'
    this.#show('Waiting for the first word')
    this.#refresh()
  }

  #add({ text, tokens, placement }: PlacedPiece): void {
    const now = performance.now()
    this.#firstMs ??= now - this.#askedAt
    this.#tokens += tokens.length
    if (this.#tier !== placement.tier) {
      // The rate is that of the place, and the wait for it is no part of it.
      this.#rate = new TokenRate()
      if (this.#tier) this.#watcher.moved(placement.tier)
      this.#tier = placement.tier
      this.#element.dataset.tier = placement.tier
      this.#show(`${tierWords[placement.tier]}. ${sentence(placement.explanation)}`)
    }
    this.#rate.add(tokens.length, now)
    this.#text.add(text, placement.tier)
    this.#element.dataset.seams = String(this.#text.seams)
    this.#refresh()
    if (this.#next && this.#tokens >= tokensBeforeCut) {
      this.place(this.#next)
    }
  }

  #end(outcome: string): void {
    this.#abort = undefined
    this.#stream = undefined
    if (this.#next) this.place(this.#next)
    this.#element.dataset.state = 'ended'
    this.#show(`${countOf(this.#tokens, 'token')}, ${outcome}`)
    this.#watcher.changed()
  }
}
