import { abortedBy } from '../../../models/async/abort.ts'
import { AsyncQueue } from '../../../models/async/async-queue.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { FinishReason, GeneratedToken, TokenRequest } from '../../protocol/generation.ts'
import { type Priority, rankOf } from '../scheduler/priority.ts'
import type { Turn } from '../scheduler/turns.ts'
import type { WaitOptions } from '../scheduler/work.ts'
import type { TokenResult, TokenStream } from './types.ts'

/** One sequence from its request to its end, whatever lanes it runs in. */
export class SequenceStream implements TokenStream {
  readonly result: Promise<TokenResult>
  /** Its place among those that wait; the lowest goes first. */
  readonly rank: number
  /** Its caller's turn; absent where it has no caller. */
  readonly turn: Turn | undefined
  readonly #request: TokenRequest
  readonly #clock: Clock
  readonly #askedAt: number
  readonly #unread: AsyncQueue<readonly GeneratedToken[]>
  readonly #generated: number[] = []
  readonly #onEnd: (stream: SequenceStream) => void
  #settle: {
    readonly resolve: (result: TokenResult) => void
    readonly reject: (error: SpillwayError) => void
  }
  #release: () => void = () => {}
  #hasEnded = false
  #cachedTokens: number | undefined
  #placedAt: number | undefined
  #firstAt: number | undefined
  #lastAt = 0
  /** Its id in its lane. */
  id = 0
  /** Whether its present lane has generated a token of it. */
  hasProgressed = false
  /** Lanes in a row that were lost while they ran it, without a token. */
  deaths = 0
  /** Lanes in a row that it left, for any reason, without a token. */
  moves = 0
  /** Whether it has had a slot, or its turn is no claim any more. */
  hasBegun = false
  /** How often it gave its slot to another caller. */
  interruptions = 0
  /** Whether the lane itself ended it. */
  isFinished = false

  constructor(
    request: TokenRequest,
    clock: Clock,
    priority: Priority | undefined,
    turn: Turn | undefined,
    onEnd: (stream: SequenceStream) => void,
  ) {
    this.#request = request
    this.#clock = clock
    this.#askedAt = clock.now()
    this.rank = rankOf(turn?.start ?? this.#askedAt, priority)
    this.turn = turn
    this.#onEnd = onEnd
    // A reader that leaves has enough.
    this.#unread = new AsyncQueue(() => this.#resolve('stop'))
    this.#settle = { resolve: () => {}, reject: () => {} }
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // A reader of the tokens gets the error from the loop.
    this.result.catch(() => undefined)
  }

  get promptTokens(): number {
    return this.#request.prompt.length
  }

  get ageMs(): number {
    return this.#clock.now() - this.#askedAt
  }

  /** Milliseconds since it got its first slot. */
  get slotMs(): number {
    return this.#clock.now() - (this.#placedAt ?? this.#askedAt)
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly GeneratedToken[]> {
    return this.#unread[Symbol.asyncIterator]()
  }

  /** Fails it at its deadline, or when its caller leaves. */
  watch({ signal, deadlineMs }: WaitOptions): void {
    const abort = () => signal && this.fail(abortedBy(signal))
    signal?.addEventListener('abort', abort, { once: true })
    const late = () =>
      this.fail(
        new SpillwayError('deadline_exceeded', 'The sequence did not end in time', {
          expected: `its end within ${deadlineMs} ms`,
          got: `${this.#generated.length} tokens`,
        }),
      )
    const cancel = deadlineMs === undefined ? undefined : this.#clock.after(deadlineMs, late)
    this.#release = () => {
      signal?.removeEventListener('abort', abort)
      cancel?.()
    }
  }

  /** The request for the rest of it: its prompt and the tokens so far are all that another lane needs. */
  remaining(): TokenRequest {
    const { prompt, generated, maxTokens } = this.#request
    return {
      ...this.#request,
      prompt: [...prompt, ...this.#generated],
      generated: generated + this.#generated.length,
      maxTokens: maxTokens - this.#generated.length,
    }
  }

  /** It has a slot. @param cachedTokens Tokens of its prompt that were not read: its slot or another held them. */
  markPlaced(cachedTokens: number): void {
    // More may be found in another slot, until the prompt was read.
    if (this.#firstAt === undefined) this.#cachedTokens = cachedTokens
    this.#placedAt ??= this.#clock.now()
  }

  push(tokens: readonly GeneratedToken[]): void {
    if (this.#hasEnded) return
    this.hasProgressed = true
    this.deaths = 0
    this.moves = 0
    this.#lastAt = this.#clock.now()
    this.#firstAt ??= this.#lastAt
    for (const { token } of tokens) this.#generated.push(token)
    this.#unread.push(tokens)
  }

  /** Its lane has ended it. */
  end(finish: FinishReason): void {
    if (this.#hasEnded) return
    this.isFinished = true
    this.#resolve(finish)
  }

  fail(error: SpillwayError): void {
    if (this.#hasEnded) return
    this.#leave()
    this.#unread.fail(error)
    this.#settle.reject(error)
  }

  #resolve(finish: FinishReason): void {
    if (this.#hasEnded) return
    this.#leave()
    const firstAt = this.#firstAt ?? this.#clock.now()
    const { length } = this.#generated
    this.#unread.end()
    this.#settle.resolve({
      finish,
      cachedTokens: this.#cachedTokens ?? 0,
      timings: {
        queueMs: (this.#placedAt ?? firstAt) - this.#askedAt,
        firstTokenMs: firstAt - this.#askedAt,
        perTokenMs: length > 1 ? (this.#lastAt - firstAt) / (length - 1) : 0,
      },
    })
  }

  #leave(): void {
    this.#hasEnded = true
    this.#release()
    this.#onEnd(this)
  }
}
