import type { GenerationStream, PlacedPiece } from './generate.ts'
import type { TextService, TextServiceOptions } from './text-service.ts'

/** `TextService`, loaded with the first text: pages that only run tensors never do. */
export class LazyTextService implements Pick<TextService, 'generate' | 'embed'> {
  readonly #options: TextServiceOptions
  readonly #closing = new AbortController()
  #loading: Promise<TextService> | undefined

  constructor(options: Omit<TextServiceOptions, 'closing'>) {
    this.#options = { ...options, closing: this.#closing.signal }
  }

  generate(...asked: Parameters<TextService['generate']>): GenerationStream {
    const stream = this.#load().then((textService) => textService.generate(...asked))
    const result = stream.then(({ result }) => result)
    // Who reads the pieces is told there.
    result.catch(() => undefined)
    return {
      result,
      async *[Symbol.asyncIterator](): AsyncGenerator<PlacedPiece> {
        yield* await stream
      },
    }
  }

  async embed(...asked: Parameters<TextService['embed']>): ReturnType<TextService['embed']> {
    return (await this.#load()).embed(...asked)
  }

  /** Ends the texts that a server still writes; those on the device end with it. */
  close(): void {
    this.#closing.abort()
  }

  #load(): Promise<TextService> {
    this.#loading ??= import('./text-service.ts').then(
      ({ TextService }) => new TextService(this.#options),
      (cause: unknown) => {
        this.#loading = undefined
        throw cause
      },
    )
    return this.#loading
  }
}
