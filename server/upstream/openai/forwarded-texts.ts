import type { Clock } from '../../../models/async/clock.ts'
import type { ErrorCode } from '../../../models/core/index.ts'
import type { Allowance } from '../../auth/limits/rate-limits.ts'
import type { TextRecord } from '../../observability/text-record.ts'
import type { ForwardedRequest } from './forwarded-request.ts'

type Fields = Readonly<Record<string, unknown>>

/** One of a request's texts, as far as the engine has written it. */
interface ForwardedText {
  tokens: number
  firstAt: number
  lastAt: number
  finish: 'stop' | 'length' | undefined
}

/** Counts the tokens of texts that an engine writes: for the metrics, and for the limits of their caller. */
export class ForwardedTexts {
  readonly #request: ForwardedRequest
  readonly #record: TextRecord
  readonly #allowance: Allowance | undefined
  readonly #clock: Clock
  readonly #texts = new Map<number, ForwardedText>()
  #usage: { readonly prompt: number; readonly completion: number } | undefined

  constructor(request: ForwardedRequest, record: TextRecord, allowance: Allowance | undefined, clock: Clock) {
    this.#request = request
    this.#record = record
    this.#allowance = allowance
    this.#clock = clock
  }

  /** Whether all texts have ended. */
  get haveEnded(): boolean {
    const ended = [...this.#texts.values()].filter(({ finish }) => finish !== undefined)
    return ended.length > 0 && ended.length === this.#texts.size
  }

  /** Adds an event of a stream. */
  addEvent(event: Fields): void {
    this.#add(event, (choice) => this.#addTokens(choice))
  }

  /** Adds a whole answer: nothing is known of the time of its tokens. */
  addAnswer(answer: Fields): void {
    this.#add(answer, () => undefined)
  }

  #add({ choices, usage }: Fields, addTokens: (choice: Fields) => void): void {
    if (Array.isArray(choices))
      for (const choice of choices.map((one): Fields => Object(one))) {
        addTokens(choice)
        const text = this.#textOf(choice)
        if (typeof choice.finish_reason === 'string')
          text.finish ??= choice.finish_reason === 'length' ? 'length' : 'stop'
      }
    const { prompt_tokens: prompt, completion_tokens: completion }: Fields = Object(usage)
    if (typeof prompt === 'number')
      this.#usage = { prompt, completion: typeof completion === 'number' ? completion : 0 }
  }

  #addTokens(choice: Fields): void {
    const text = this.#textOf(choice)
    const { token_ids: ids } = choice
    // An engine that does not name tokens sends at least one with each part of a text.
    const tokens = Array.isArray(ids) ? ids.length : hasText(choice) ? 1 : 0
    if (tokens === 0) return
    text.lastAt = this.#clock.now()
    if (text.tokens === 0) text.firstAt = text.lastAt
    text.tokens += tokens
    this.#record.recordTokens(Number(choice.index ?? 0), tokens)
  }

  #textOf({ index }: Fields): ForwardedText {
    const at = Number(index ?? 0)
    let text = this.#texts.get(at)
    if (!text) {
      text = { tokens: 0, firstAt: 0, lastAt: 0, finish: undefined }
      this.#texts.set(at, text)
    }
    return text
  }

  /** The answer is complete. */
  end(): void {
    let promptTokens = this.#usage?.prompt ?? this.#request.promptTokens
    // What the engine has counted beyond its events is taken for the first text's.
    let more = Math.max(0, (this.#usage?.completion ?? 0) - this.#count())
    this.#record.promptTokens = promptTokens
    this.#record.addTokens(more)
    for (const { tokens, firstAt, lastAt, finish = 'stop' } of this.#texts.values()) {
      this.#record.recordEnd({
        finish,
        usage: { promptTokens, generatedTokens: tokens + more },
        timings: { queueMs: 0, perTokenMs: tokens > 1 ? (lastAt - firstAt) / (tokens - 1) : undefined },
      })
      promptTokens = 0
      more = 0
    }
    this.#charge()
  }

  /** The answer broke off: what came until then counts for the caller's limits, and the prompt of a caller that has left. */
  fail(code: ErrorCode): void {
    this.#record.recordFailure(code)
    const isLeft = code === 'aborted' || code === 'deadline_exceeded'
    if (isLeft || this.#texts.size > 0) this.#charge()
  }

  #charge(): void {
    const { prompt = this.#request.promptTokens, completion = 0 } = this.#usage ?? {}
    this.#allowance?.record('tokens', prompt + Math.max(completion, this.#count()))
  }

  /** Tokens of all texts, by what came of them. */
  #count(): number {
    let tokens = 0
    for (const text of this.#texts.values()) tokens += text.tokens
    return tokens
  }
}

/** Whether a part of a text says anything: its content, a thought, or a part of a call of a tool. */
function hasText({ text, delta, message }: Fields): boolean {
  if (typeof text === 'string') return text !== ''
  const parts: Fields = Object(delta ?? message)
  return Object.entries(parts).some(
    ([name, value]) => name !== 'role' && value !== null && value !== undefined && value !== '',
  )
}
