import { SpillwayError } from '../../../models/core/index.ts'
import type { Model } from '../../api/model.ts'
import type { PlacedPiece, PlacedResult } from '../../text/generate.ts'

export interface StoryWatcher {
  started(): void
  piece(piece: PlacedPiece): void
  ended(result: PlacedResult): void
  /** @param error Undefined where the story was stopped on purpose. */
  failed(error: SpillwayError | undefined): void
}

/** New tokens of one request: about a page. */
const maxTokens = 160

/** One text that is told, stopped and continued. */
export class Story {
  readonly #watcher: StoryWatcher
  #text: string
  #abort: AbortController | undefined

  constructor(opening: string, watcher: StoryWatcher) {
    this.#text = opening
    this.#watcher = watcher
  }

  get isRunning(): boolean {
    return this.#abort !== undefined
  }

  stop(): void {
    this.#abort?.abort()
  }

  /** Continues the text so far; of a text longer than the model's context only the end is read. */
  async tell(open: () => Promise<Model>): Promise<void> {
    if (this.#abort) return
    const abort = new AbortController()
    this.#abort = abort
    this.#watcher.started()
    try {
      const model = await open()
      abort.signal.throwIfAborted()
      const request = { prompt: this.#text, maxTokens, truncation: 'start' } as const
      const stream = model.generate(request, { signal: abort.signal })
      for await (const piece of stream) {
        this.#text += piece.text
        this.#watcher.piece(piece)
      }
      const result = await stream.result
      this.#abort = undefined
      this.#watcher.ended(result)
    } catch (cause) {
      this.#abort = undefined
      const stopped = abort.signal.aborted
      this.#watcher.failed(stopped ? undefined : SpillwayError.from(cause, 'internal', 'The page failed'))
    }
  }
}
