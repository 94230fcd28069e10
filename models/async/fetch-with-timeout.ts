import { SpillwayError } from '../core/index.ts'
import { abortedBy } from './abort.ts'
import type { Clock } from './clock.ts'

export interface FetchOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs: number
  /**
   * `exchange`: from the request to the end of `use`. `silence`: until the headers come, and until each further part
   * of the body comes.
   */
  readonly timeoutOf: 'exchange' | 'silence'
  readonly request?: Omit<RequestInit, 'signal'>
  /** The error for an exchange that took too long. */
  readonly onTimeout: () => SpillwayError
  /** The error for an exchange that failed for any other reason. */
  readonly onFailure: (cause: unknown) => SpillwayError
}

/** The parts of a response's body, as they come. Each one that is read ends a silence. */
export type BodyParts = AsyncIterable<Uint8Array<ArrayBuffer>>

/**
 * One HTTP exchange, bounded in time. When `use` settles, the rest of the body is given up and its connection freed.
 *
 * @throws SpillwayError `aborted` when the signal fires; what `onTimeout` or `onFailure` return; or what `use` throws.
 */
export async function fetchWithTimeout<T>(
  url: URL,
  options: FetchOptions,
  use: (response: Response, parts: BodyParts) => Promise<T>,
): Promise<T> {
  const exchange = new Exchange(options)
  try {
    const response = await exchange.send(url)
    return await use(response, exchange.partsOf(response))
  } catch (cause) {
    throw exchange.errorFrom(cause)
  } finally {
    exchange.close()
  }
}

/**
 * As `fetchWithTimeout`, for a response that is passed on piece by piece. Leaving the loop ends the exchange.
 *
 * @throws SpillwayError As `fetchWithTimeout`.
 */
export async function* streamWithTimeout<T>(
  url: URL,
  options: FetchOptions,
  use: (response: Response, parts: BodyParts) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const exchange = new Exchange(options)
  try {
    const response = await exchange.send(url)
    yield* use(response, exchange.partsOf(response))
  } catch (cause) {
    throw exchange.errorFrom(cause)
  } finally {
    exchange.close()
  }
}

class Exchange {
  readonly #options: FetchOptions
  readonly #controller = new AbortController()
  readonly #abort = () => this.#controller.abort()
  #isTimedOut = false
  #cancelTimer: () => void = () => {}

  constructor(options: FetchOptions) {
    this.#options = options
    options.signal?.addEventListener('abort', this.#abort, { once: true })
    this.#startTimer()
  }

  async send(url: URL): Promise<Response> {
    const { signal, request } = this.#options
    if (signal?.aborted) throw abortedBy(signal)
    const response = await fetch(url, { ...request, signal: this.#controller.signal })
    this.#endSilence()
    return response
  }

  async *partsOf({ body }: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    // Not `for await` over the body: Safari's streams are not iterable yet.
    const reader = body?.getReader()
    for (;;) {
      const part = await reader?.read()
      if (!part?.value) return
      // A part that was buffered before the abort must not reach a caller that has left.
      this.#controller.signal.throwIfAborted()
      this.#endSilence()
      yield part.value
    }
  }

  errorFrom(cause: unknown): SpillwayError {
    const { signal, onTimeout, onFailure } = this.#options
    if (signal?.aborted) return abortedBy(signal)
    if (this.#isTimedOut) return onTimeout()
    return cause instanceof SpillwayError ? cause : onFailure(cause)
  }

  close(): void {
    this.#cancelTimer()
    this.#options.signal?.removeEventListener('abort', this.#abort)
    // A body that is not read to its end would hold its connection.
    this.#abort()
  }

  #endSilence(): void {
    if (this.#options.timeoutOf === 'silence') this.#startTimer()
  }

  #startTimer(): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#options.clock.after(this.#options.timeoutMs, () => {
      this.#isTimedOut = true
      this.#abort()
    })
  }
}
