import type { FinishReason, GeneratedToken, TokenRequest } from '../../protocol/generation.ts'
import type { CreateSampler, Logits, Sampler } from '../sampling/types.ts'

/** One sequence in a lane: what it has said, and what ends it. */
export class Sequence {
  readonly id: number
  readonly request: TokenRequest
  /** Prompt and what came after it. */
  readonly tokens: number[]
  readonly #sampler: Sampler
  readonly #stops: ReadonlySet<number>
  readonly #context: number
  /** Its slot, once it has one. */
  slot: number | undefined
  /** Its caller has gone. */
  left = false

  constructor(id: number, request: TokenRequest, context: number, createSampler: CreateSampler) {
    this.id = id
    this.request = request
    this.tokens = [...request.prompt]
    this.#sampler = createSampler(request.sampling, request.prompt, request.generated)
    this.#stops = new Set(request.stopTokens)
    this.#context = context
  }

  get made(): number {
    return this.tokens.length - this.request.prompt.length
  }

  /**
   * Chooses the next token.
   * @throws SpillwayError `model_output_invalid`.
   */
  next(logits: Logits): { readonly token?: GeneratedToken; readonly finish?: FinishReason } {
    const token = this.#sampler.next(logits, this.tokens.length)
    if (this.#stops.has(token.token)) return { finish: 'stop' }
    this.tokens.push(token.token)
    return this.made >= this.request.maxTokens || this.tokens.length >= this.#context
      ? { token, finish: 'length' }
      : { token }
  }

  /** Whether the graph's likeliest tokens are enough to choose from. */
  fits(selected: number): boolean {
    const { sampling } = this.request
    const {
      temperature = 1,
      topK,
      repetitionPenalty = 1,
      presencePenalty = 0,
      frequencyPenalty = 0,
    } = sampling
    const plain =
      repetitionPenalty === 1 && presencePenalty === 0 && frequencyPenalty === 0 && !sampling.logitBias
    const few = temperature === 0 || (topK !== undefined && topK <= selected)
    return plain && few && (sampling.logprobs ?? 0) <= selected
  }
}
