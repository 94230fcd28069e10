import type { Clock } from '../../models/async/clock.ts'
import type { ErrorCode } from '../../models/core/index.ts'
import type { EndedText, TextObserver } from './text-metrics.ts'

interface TextRecordOptions {
  readonly model: string
  readonly texts: number
  readonly promptTokens: number
  readonly clock: Clock
  readonly observer: TextObserver
}

/** The texts of one request, from the request to their end: for the metrics, and for its log line and its trace. */
export class TextRecord {
  readonly model: string
  /** Tokens of the prompts together; about so many until an engine has counted them. */
  promptTokens: number
  /** The replica of the model's upstream that writes them. */
  replica: string | undefined
  /** When the texts were asked for, on the clock. */
  readonly askedAt: number
  readonly #clock: Clock
  readonly #observer: TextObserver
  readonly #lastAt = new Map<number, number>()
  /** Texts that have not ended. */
  #open: number
  /** Tokens generated so far. */
  tokens = 0
  /** Milliseconds to the first slot of a text that has ended; undefined before. */
  queueMs: number | undefined
  /** Milliseconds to the first token. */
  firstTokenMs: number | undefined

  constructor({ model, texts, promptTokens, clock, observer }: TextRecordOptions) {
    this.model = model
    this.promptTokens = promptTokens
    this.askedAt = clock.now()
    this.#clock = clock
    this.#observer = observer
    this.#open = texts
  }

  /** @param text The index of the text. @param tokens The number of tokens that have just been generated. */
  recordTokens(text: number, tokens: number): void {
    if (tokens === 0) return
    const now = this.#clock.now()
    const previousAt = this.#lastAt.get(text)
    this.#lastAt.set(text, now)
    this.addTokens(tokens)
    if (previousAt !== undefined) {
      this.#observer.laterTokens(tokens, (now - previousAt) / 1000)
      return
    }
    this.firstTokenMs ??= now - this.askedAt
    this.#observer.firstToken((now - this.askedAt) / 1000)
  }

  /** Counts tokens that it is not known of when they were generated. */
  addTokens(tokens: number): void {
    this.tokens += tokens
    this.#observer.tokens(tokens)
  }

  recordEnd(result: EndedText): void {
    this.#open--
    this.queueMs = Math.min(this.queueMs ?? Number.POSITIVE_INFINITY, result.timings.queueMs)
    this.#observer.ended(result, (this.#clock.now() - this.askedAt) / 1000)
  }

  /** All texts that have not ended end now. */
  recordFailure(code: ErrorCode): void {
    if (this.#open > 0) this.#observer.broken(this.#open, code)
    this.#open = 0
  }
}
