import { withAbort } from '../../models/async/abort.ts'
import { importOnce } from '../../models/async/import-code.ts'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { UnansweredCalls } from '../../models/async/unanswered-calls.ts'
import type { Placement } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import type { PlacedPiece, TextStream } from './generate.ts'
import type { TextService, TextServiceOptions } from './text-service.ts'

/** Imports `TextService` with the first text, so that pages that only run tensors never load it. The next text tries again
 * where the import failed. */
export class LazyTextService implements Pick<TextService, 'generate' | 'embed' | 'tokenizer'> {
  readonly #options: TextServiceOptions
  readonly #closing = new AbortController()
  readonly #unanswered = new UnansweredCalls(closed)
  readonly #load: () => Promise<TextService>
  readonly #onWritten: (placement: Placement) => void

  /** @param onWritten Called with the place of each whole text. */
  constructor(options: Omit<TextServiceOptions, 'closing'>, onWritten: (placement: Placement) => void) {
    const { clock } = options
    this.#onWritten = onWritten
    this.#options = { ...options, closing: this.#closing.signal }
    this.#load = importOnce(clock, 'texts', async () => {
      const { TextService } = await import('./text-service.ts')
      return new TextService(this.#options)
    })
  }

  generate(...[manifest, request, options]: Parameters<TextService['generate']>): TextStream {
    const { clock } = this.#options
    const { signal, deadlineMs } = options
    const deadline = deadlineMs === undefined ? undefined : clock.now() + deadlineMs
    const begin = async () => {
      // Other texts may wait for the same code, so one that leaves does not stop the import.
      const service = await untilDeadline(clock, deadline, signal, (left) => withAbort(left, this.#load()))
      const leftMs = deadline === undefined ? undefined : deadline - clock.now()
      return service.generate(manifest, request, {
        ...options,
        ...(leftMs !== undefined && { deadlineMs: leftMs }),
      })
    }
    const stream = streamOf(this.#unanswered.track(begin))
    // The caller receives a failure.
    stream.result.then(
      ({ placement }) => this.#onWritten(placement),
      () => undefined,
    )
    return stream
  }

  embed(...[manifest, texts, options]: Parameters<TextService['embed']>): ReturnType<TextService['embed']> {
    return this.#unanswered.trackAbortable(options.signal, async (signal) =>
      (await this.#load()).embed(manifest, texts, { ...options, signal }),
    )
  }

  tokenizer(...[manifest]: Parameters<TextService['tokenizer']>): ReturnType<TextService['tokenizer']> {
    return this.#unanswered.track(async () => (await this.#load()).tokenizer(manifest))
  }

  close(): void {
    this.#unanswered.close()
    this.#closing.abort()
  }
}

/** The stream that a promise resolves to. Where it rejects, the loop and `result` throw its reason. */
export function streamOf(stream: Promise<TextStream>): TextStream {
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
