import type { Clock } from '../../models/async/clock.ts'
import { isEmpty, type SegmentPiece } from './stream-segments.ts'

/** How long one place took for its part of a text, read off its pieces. */
export class SegmentTimes {
  readonly #clock: Clock
  readonly #startedAt: number
  #firstAt: number | undefined
  #lastAt = 0
  #pieces = 0
  #tokens = 0
  #promptTokens: number | undefined
  #cachedTokens = 0
  #queueMs = 0
  #hasSlot = true

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  add(piece: SegmentPiece): void {
    const { tokens, promptTokens, usage, queueMs, hasSlot } = piece
    // The first report counts the tokens that were generated elsewhere as well: they are read here.
    this.#promptTokens ??= promptTokens?.length ?? usage?.promptTokens
    this.#cachedTokens = usage?.cachedTokens ?? this.#cachedTokens
    this.#queueMs = queueMs ?? this.#queueMs
    this.#hasSlot = hasSlot ?? this.#hasSlot
    this.#tokens += tokens.length
    if (isEmpty(piece)) return
    this.#pieces++
    this.#lastAt = this.#clock.now()
    this.#firstAt ??= this.#lastAt
  }

  get hasBegun(): boolean {
    return this.#firstAt !== undefined
  }

  /** Whether the text began at once, as far as is known: else a part of the time may have been a wait for a slot. */
  get hasSlot(): boolean {
    return this.#hasSlot
  }

  /** Tokens of the prompt, as far as the place reported them. */
  get promptTokens(): number {
    return this.#promptTokens ?? 0
  }

  /** Those of them that a slot held already. */
  get cachedTokens(): number {
    return this.#cachedTokens
  }

  /** Tokens that came; pieces of a server that sends no tokens. */
  get tokens(): number {
    return this.#tokens || this.#pieces
  }

  /** Milliseconds to the first token without the wait for a slot; so far, where none has come. */
  get firstMs(): number {
    return Math.max(0, (this.#firstAt ?? this.#clock.now()) - this.#startedAt - this.#queueMs)
  }

  /** Milliseconds from one token to the next; undefined where only one came. */
  get perTokenMs(): number | undefined {
    return this.#firstAt === undefined || this.tokens < 2
      ? undefined
      : (this.#lastAt - this.#firstAt) / (this.tokens - 1)
  }
}
