import { importCode } from '../../models/async/import-code.ts'
import type { GenerationStream, PlacedPiece } from './generate.ts'
import type { TextService, TextServiceOptions } from './text-service.ts'

/** Imports `TextService` with the first text, so that pages that only run tensors never load it. The next text tries again
 * where the import failed. */
export class LazyTextService implements Pick<TextService, 'generate' | 'embed'> {
  readonly #options: TextServiceOptions
  readonly #closing = new AbortController()
  #loading: Promise<TextService> | undefined

  constructor(options: Omit<TextServiceOptions, 'closing'>) {
    this.#options = { ...options, closing: this.#closing.signal }
  }

  generate(...args: Parameters<TextService['generate']>): GenerationStream {
    const stream = this.#load().then((textService) => textService.generate(...args))
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

  async embed(...args: Parameters<TextService['embed']>): ReturnType<TextService['embed']> {
    return (await this.#load()).embed(...args)
  }

  /** Ends the texts on the server; those on the device end with the device tier. */
  close(): void {
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
