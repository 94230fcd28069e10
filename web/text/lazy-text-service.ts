import type { GenerationStream, PlacedPiece } from './generate.ts'
import type { Languages, LanguagesOptions } from './text-service.ts'

/** `Languages`, loaded with the first text: pages that only run tensors never do. */
export class LazyLanguages implements Pick<Languages, 'generate' | 'embed'> {
  readonly #options: LanguagesOptions
  readonly #closing = new AbortController()
  #loading: Promise<Languages> | undefined

  constructor(options: Omit<LanguagesOptions, 'closing'>) {
    this.#options = { ...options, closing: this.#closing.signal }
  }

  generate(...asked: Parameters<Languages['generate']>): GenerationStream {
    const stream = this.#load().then((languages) => languages.generate(...asked))
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

  async embed(...asked: Parameters<Languages['embed']>): ReturnType<Languages['embed']> {
    return (await this.#load()).embed(...asked)
  }

  /** Ends the texts that a server still writes; those on the device end with it. */
  close(): void {
    this.#closing.abort()
  }

  #load(): Promise<Languages> {
    this.#loading ??= import('./text-service.ts').then(
      ({ Languages }) => new Languages(this.#options),
      (cause: unknown) => {
        this.#loading = undefined
        throw cause
      },
    )
    return this.#loading
  }
}
