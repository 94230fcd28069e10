import { SpillwayError } from '../../models/core/index.ts'
import { promptTokensOf } from '../../workers/host/text/tokenizer/prompt.ts'
import type { TextRequest, Tokenizer, Usage } from '../../workers/host/text/types.ts'
import type { FinishReason, GeneratedToken } from '../../workers/protocol/generation.ts'
import type { RemotePiece } from '../remote/complete.ts'

/** A text on its way: what was asked, and all that it takes to go on with it elsewhere. */
export class Continuation {
  readonly #request: TextRequest
  readonly #tokens: GeneratedToken[] = []
  #promptTokens: readonly number[] | undefined
  #text = ''
  /** Whether some place told text without its tokens: the text is then all that is known of them. */
  #textOnly = false
  #usage: RemotePiece['usage']
  finish: FinishReason | undefined

  /** @param request with its seed: every place has to draw from the same one. */
  constructor(request: TextRequest & { readonly seed: number }) {
    this.#request = request
    this.#promptTokens = request.tokens
  }

  get text(): string {
    return this.#text
  }

  get tokens(): readonly GeneratedToken[] {
    return this.#tokens
  }

  get hasBegun(): boolean {
    return this.#text !== '' || this.#tokens.length > 0
  }

  /** Whether nothing is left to ask for. */
  get isDone(): boolean {
    return this.finish !== undefined || this.#left === 0
  }

  get usage(): Usage {
    const { promptTokens = 0, generatedTokens = 0, cachedTokens = 0 } = this.#usage ?? {}
    return {
      promptTokens: this.#promptTokens?.length ?? promptTokens,
      generatedTokens: this.#textOnly ? generatedTokens : this.#tokens.length,
      cachedTokens,
    }
  }

  add({ text, tokens, promptTokens, finish, usage }: RemotePiece): void {
    // A place that goes on with a text counts what came before as its prompt.
    if (!this.hasBegun) this.#promptTokens ??= promptTokens
    if (text !== '' && tokens.length === 0 && this.#tokens.length === 0) this.#textOnly = true
    this.#text += text
    this.#tokens.push(...tokens)
    this.#usage ??= usage
    this.finish ??= finish
  }

  /**
   * What the next place is asked: the request as it came, or, in the middle of a text, the prompt and the text so far in
   * tokens.
   *
   * @param tokenizer where one is at hand: it reads a prompt that no place told in tokens.
   * @throws SpillwayError `not_supported` where the text so far is not known in tokens, and cannot be.
   */
  next(tokenizer?: Tokenizer): TextRequest {
    if (!this.hasBegun) return this.#request
    const prompt = this.#promptTokens ?? (tokenizer && promptTokensOf(this.#request, tokenizer))
    const soFar = this.#textOnly
      ? tokenizer?.encode(this.#text, false)
      : this.#tokens.map(({ token }) => token)
    if (!prompt || !soFar) {
      throw new SpillwayError('not_supported', 'The text cannot go on elsewhere', {
        expected: 'its tokens from the server, or a tokenizer on the device',
        got: `${this.#text.length} characters of text`,
      })
    }
    const { messages: _, prompt: __, ...rest } = this.#request
    return {
      ...rest,
      tokens: [...prompt, ...soFar],
      generated: (this.#request.generated ?? 0) + soFar.length,
      maxTokens: this.#left,
    }
  }

  /** New tokens that may still come. */
  get #left(): number | undefined {
    const { maxTokens } = this.#request
    return maxTokens === undefined ? undefined : Math.max(0, maxTokens - this.usage.generatedTokens)
  }
}
