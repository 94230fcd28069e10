import type { FinishReason, GeneratedToken, TokenRequest } from '../../protocol/generation.ts'
import type { HeldFormat } from '../format/formats.ts'
import type { CreateSampler, Logits, Sampler } from '../sampling/types.ts'

/** One sequence in a lane: its tokens, and what ends it. */
export class Sequence {
  readonly id: number
  readonly request: TokenRequest
  /** Prompt and generated tokens. */
  readonly tokens: number[]
  readonly #sampler: Sampler
  readonly #stopTokens: ReadonlySet<number>
  readonly #context: number
  /** Undefined while it waits for one. */
  slot: number | undefined
  isCancelled = false
  /** Undefined where the request has none. */
  format: HeldFormat | undefined
  /** Logits that wait for what the format allows. */
  heldLogits: Logits | undefined

  constructor(id: number, request: TokenRequest, context: number, createSampler: CreateSampler) {
    this.id = id
    this.request = request
    this.tokens = [...request.prompt]
    this.#sampler = createSampler(request.sampling, request.prompt, request.generated)
    this.#stopTokens = new Set(request.stopTokens)
    this.#context = context
  }

  /** How many tokens this lane has generated. */
  get newTokens(): number {
    return this.tokens.length - this.request.prompt.length
  }

  /**
   * Chooses the next token.
   * @throws SpillwayError `model_output_invalid`; `input_value_invalid` where the format allows none.
   */
  next(logits: Logits): { readonly token?: GeneratedToken; readonly finish?: FinishReason } {
    const allowed = this.format?.allowed
    if (allowed?.isEnd) return { finish: 'stop' }
    const token = this.#sampler.next(logits, this.tokens.length, allowed?.mask)
    if (this.#stopTokens.has(token.token)) return { finish: 'stop' }
    this.tokens.push(token.token)
    if (this.newTokens >= this.request.maxTokens || this.tokens.length >= this.#context)
      return { token, finish: 'length' }
    this.format?.goOn(token.token)
    return { token }
  }

  /** Whether the `selected` likeliest tokens are enough to choose from: no others could be drawn or reported. */
  canChooseFromTop(selected: number): boolean {
    const { sampling } = this.request
    const {
      temperature = 1,
      topK,
      repetitionPenalty = 1,
      presencePenalty = 0,
      frequencyPenalty = 0,
    } = sampling
    const keepsOrder =
      repetitionPenalty === 1 && presencePenalty === 0 && frequencyPenalty === 0 && !sampling.logitBias
    const drawsFromFew = temperature === 0 || (topK !== undefined && topK <= selected)
    return !this.format && keepsOrder && drawsFromFew && (sampling.logprobs ?? 0) <= selected
  }
}
