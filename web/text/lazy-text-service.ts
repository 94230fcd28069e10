import { importCode } from '../../models/async/import-code.ts'
import { UnansweredCalls } from '../../models/async/unanswered-calls.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import type { GenerationStream, PlacedPiece } from './generate.ts'
import type { TextService, TextServiceOptions } from './text-service.ts'

/** Imports `TextService` with the first text, so that pages that only run tensors never load it. The next text tries again
 * where the import failed. */
export class LazyTextService implements Pick<TextService, 'generate' | 'embed'> {
  readonly #options: TextServiceOptions
  readonly #closing = new AbortController()
  readonly #unanswered = new UnansweredCalls(closed)
  #loading: Promise<TextService> | undefined

  constructor(options: Omit<TextServiceOptions, 'closing'>) {
    this.#options = { ...options, closing: this.#closing.signal }
  }

  generate(...args: Parameters<TextService['generate']>): GenerationStream {
    return streamOf(this.#unanswered.track(async () => (await this.#load()).generate(...args)))
  }

  embed(...[manifest, texts, options]: Parameters<TextService['embed']>): ReturnType<TextService['embed']> {
    return this.#unanswered.trackAbortable(options.signal, async (signal) =>
      (await this.#load()).embed(manifest, texts, { ...options, signal }),
    )
  }

  close(): void {
    this.#unanswered.close()
    this.#closing.abort()
  }

  #load(): Promise<TextService> {
    this.#loading ??= importCode(this.#options.clock, 'texts', () => import('./text-service.ts')).then(
      ({ TextService }) => new TextService(this.#options),
      (cause: unknown) => {
        this.#loading = undefined
        throw cause
      },
    )
    return this.#loading
  }
}

/** The stream that a promise resolves to. Where it rejects, the loop and `result` throw its reason. */
export function streamOf(stream: Promise<GenerationStream>): GenerationStream {
  const result = stream.then(({ result }) => result)
  // Not unhandled: a reader of the pieces receives the same error.
  result.catch(() => undefined)
  return {
    result,
    async *[Symbol.asyncIterator](): AsyncGenerator<PlacedPiece> {
      yield* await stream
    },
  }
}
