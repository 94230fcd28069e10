import { abortedBy } from '../../../models/async/abort.ts'
import { AsyncQueue } from '../../../models/async/async-queue.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { FinishReason, GeneratedToken, TokenRequest } from '../../protocol/generation.ts'
import { type Priority, priorities } from '../scheduler/priority.ts'
import type { GenerateOptions, TokenResult, TokenStream } from './types.ts'

/** Waiting counts for a sequence: a step of priority is worth a second of it. */
const stepMs = 1_000

export const rankOf = (askedAt: number, priority: Priority = 'normal'): number =>
  askedAt + stepMs * priorities.indexOf(priority)

/** One sequence from its request to its end, whatever lanes it runs in. */
export class SequenceStream implements TokenStream {
  readonly result: Promise<TokenResult>
  readonly rank: number
  readonly #request: TokenRequest
  readonly #clock: Clock
  readonly #askedAt: number
  readonly #channel: AsyncQueue<readonly GeneratedToken[]>
  readonly #made: number[] = []
  readonly #onEnd: (stream: SequenceStream) => void
  #settle: {
    readonly resolve: (result: TokenResult) => void
    readonly reject: (error: SpillwayError) => void
  }
  #release: () => void = () => {}
  #isOver = false
  #cached: number | undefined
  #placedAt: number | undefined
  #firstAt: number | undefined
  #lastAt = 0
  /** Its name in its lane. */
  id = 0
  /** Whether it made something in the lane that it is in. */
  hasProgressed = false
  /** Lanes that were lost while it ran in them and made nothing. */
  deaths = 0
  /** Lanes that it left, for whatever reason, since it made something. */
  moves = 0

  constructor(request: TokenRequest, clock: Clock, rank: number, onEnd: (stream: SequenceStream) => void) {
    this.#request = request
    this.#clock = clock
    this.#askedAt = clock.now()
    this.rank = rank
    this.#onEnd = onEnd
    this.#channel = new AsyncQueue(() => this.fail(new SpillwayError('aborted', 'The reader left')))
    this.#settle = { resolve: () => {}, reject: () => {} }
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // Who reads the tokens learns of it there.
    this.result.catch(() => undefined)
  }

  /** Whether the lane itself ended it. */
  isFinished = false

  get ageMs(): number {
    return this.#clock.now() - this.#askedAt
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly GeneratedToken[]> {
    return this.#channel[Symbol.asyncIterator]()
  }

  /** Ends it at its deadline or its caller's word. */
  watch({ signal, deadlineMs }: GenerateOptions): void {
    const abort = () => signal && this.fail(abortedBy(signal))
    signal?.addEventListener('abort', abort, { once: true })
    const late = () =>
      this.fail(
        new SpillwayError('deadline_exceeded', 'The sequence did not end in time', {
          expected: `its end within ${deadlineMs} ms`,
          got: `${this.#made.length} tokens`,
        }),
      )
    const cancel = deadlineMs === undefined ? undefined : this.#clock.after(deadlineMs, late)
    this.#release = () => {
      signal?.removeEventListener('abort', abort)
      cancel?.()
    }
  }

  /** What is left to do, as a lane is asked for it: from the last token on, where there are some. */
  rest(): TokenRequest {
    const { prompt, generated, maxTokens } = this.#request
    const made = this.#made
    return {
      ...this.#request,
      prompt: [...prompt, ...made],
      generated: generated + made.length,
      maxTokens: maxTokens - made.length,
    }
  }

  /** It has a slot, with so many of its prompt's tokens in it. */
  placed(cached: number): void {
    this.#cached ??= cached
    this.#placedAt ??= this.#clock.now()
  }

  push(tokens: readonly GeneratedToken[]): void {
    if (this.#isOver) return
    this.hasProgressed = true
    this.deaths = 0
    this.moves = 0
    this.#lastAt = this.#clock.now()
    this.#firstAt ??= this.#lastAt
    for (const { token } of tokens) this.#made.push(token)
    this.#channel.push(tokens)
  }

  end(finish: FinishReason): void {
    if (this.#isOver) return
    this.isFinished = true
    this.#over()
    const first = this.#firstAt ?? this.#clock.now()
    this.#channel.end()
    this.#settle.resolve({
      finish,
      cachedTokens: this.#cached ?? 0,
      timings: {
        queueMs: (this.#placedAt ?? first) - this.#askedAt,
        firstTokenMs: first - this.#askedAt,
        perTokenMs: this.#made.length > 1 ? (this.#lastAt - first) / (this.#made.length - 1) : 0,
      },
    })
  }

  fail(error: SpillwayError): void {
    if (this.#isOver) return
    this.#over()
    this.#channel.fail(error)
    this.#settle.reject(error)
  }

  #over(): void {
    this.#isOver = true
    this.#release()
    this.#onEnd(this)
  }
}
