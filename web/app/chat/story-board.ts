import type { Placement, SpillwayError } from '../../../models/core/index.ts'
import type { Opener } from '../opener.ts'
import { Steps } from './steps.ts'
import { Story } from './story.ts'
import { createStoryView } from './story-view.ts'
import { TokenRate } from './token-rate.ts'

export interface StoryBoardWatcher {
  placement(placement: Placement): void
  changed(): void
  ended(number: number): void
  failed(error: SpillwayError): void
}

/** The stories on the page, told side by side, and the figures that they share. */
export class StoryBoard {
  readonly #list: HTMLElement
  readonly #opener: Opener
  readonly #watcher: StoryBoardWatcher
  readonly steps: Steps
  #stories: Story[] = []
  #rate = new TokenRate()
  #startedAt = 0
  #firstMs: number | undefined

  constructor(list: HTMLElement, opener: Opener, columns: number, watcher: StoryBoardWatcher) {
    this.#list = list
    this.#opener = opener
    this.#watcher = watcher
    this.steps = new Steps(columns, watcher.changed)
  }

  get count(): number {
    return this.#stories.length
  }

  get running(): number {
    return this.#stories.filter(({ isRunning }) => isRunning).length
  }

  get perSecond(): number | undefined {
    return this.#rate.perSecond
  }

  /** Milliseconds from the request to the first token of any story. */
  get firstMs(): number | undefined {
    return this.#firstMs
  }

  stop(): void {
    for (const story of this.#stories) story.stop()
  }

  /** Replaces the stories by new ones that all continue the same opening. */
  tell(opening: string, count: number): void {
    this.stop()
    this.#list.replaceChildren()
    this.#reset()
    this.#stories = Array.from({ length: count }, (_, number) => this.#add(opening, number))
    for (const story of this.#stories) void story.tell(this.#open)
  }

  #reset(): void {
    this.steps.clear()
    this.#rate = new TokenRate()
    this.#startedAt = performance.now()
    this.#firstMs = undefined
  }

  #add(opening: string, number: number): Story {
    const view = createStoryView(number, opening, {
      onStop: () => story.stop(),
      onContinue: () => {
        if (this.running === 0) this.#reset()
        void story.tell(this.#open)
      },
    })
    const isShown = () => this.#stories[number] === story
    const story = new Story(opening, {
      started: () => {
        view.started()
        this.#watcher.changed()
      },
      piece: ({ text, tokens, placement }) => {
        view.add(text, tokens.length)
        if (!isShown()) return
        const now = performance.now()
        this.#firstMs ??= now - this.#startedAt
        this.#rate.add(tokens.length, now)
        // The server's stories come as separate answers, which do not say what shared a step there.
        if (placement.tier === 'device') this.steps.add(number, tokens.length)
        else this.#watcher.changed()
        this.#watcher.placement(placement)
      },
      ended: ({ finish }) => {
        view.ended(finish === 'stop' ? 'the end' : 'can be continued')
        if (!isShown()) return
        this.#watcher.ended(number)
      },
      failed: (error) => {
        view.ended(error ? 'interrupted' : 'stopped')
        if (!isShown()) return
        if (error) this.#watcher.failed(error)
        this.#watcher.changed()
      },
    })
    this.#list.append(view.element)
    return story
  }

  readonly #open = () => this.#opener.model()
}
