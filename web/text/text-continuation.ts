import { SpillwayError } from '../../models/core/index.ts'
import { countOf } from '../../models/core/wording.ts'
import { readPrompt } from '../../workers/host/text/tokenizer/prompt.ts'
import type {
  TextGenerator,
  TextRequest,
  Tokenizer,
  Usage,
  WrittenCall,
} from '../../workers/host/text/types.ts'
import type { FinishReason, GeneratedToken } from '../../workers/protocol/generation.ts'
import type { RemotePiece } from '../remote/openai-completions.ts'

/** A text in progress: its request, and the tokens so far, from which another place can go on. */
export class Continuation {
  readonly #request: TextRequest
  readonly #tokens: GeneratedToken[] = []
  /** As they are read: without what was left out. */
  #promptTokens: readonly number[] | undefined
  #droppedMessages = 0
  #text = ''
  #reasoning = ''
  #reasoningTokens = 0
  readonly #toolCalls: WrittenCall[] = []
  /** Whether a place sent text without its tokens: they have to be encoded from the text. */
  #isTextOnly = false
  #usage: RemotePiece['usage']
  /** Of a text without its tokens, where it moved last: how many it has as encoded, and how many came with pieces. */
  #moved = { encoded: 0, received: 0 }
  finish: FinishReason | undefined
  /** The variant that began the text: every place that has it goes on with it. */
  variant: string | undefined

  /** @param request With its seed, which every place has to use. */
  constructor(request: TextRequest & { readonly seed: number }) {
    this.#request = request
    if (request.truncation !== 'start') this.#promptTokens = request.tokens
  }

  get text(): string {
    return this.#text
  }

  get reasoning(): string {
    return this.#reasoning
  }

  get toolCalls(): readonly WrittenCall[] {
    return this.#toolCalls
  }

  get tokens(): readonly GeneratedToken[] {
    return this.#tokens
  }

  /** Messages that its first place did not read. */
  get droppedMessages(): number {
    return this.#droppedMessages
  }

  get hasBegun(): boolean {
    const hasText = this.#text !== '' || this.#reasoning !== ''
    return hasText || this.#toolCalls.length > 0 || this.#tokens.length > 0
  }

  /** Whether the text has ended or reached `maxTokens`. */
  get isDone(): boolean {
    return this.finish !== undefined || this.#remainingTokens === 0
  }

  get usage(): Usage {
    const { promptTokens = 0, generatedTokens, cachedTokens = 0, reasoningTokens = 0 } = this.#usage ?? {}
    const { encoded, received } = this.#moved
    const sinceMoved = this.#tokens.length - received
    return {
      promptTokens: this.#promptTokens?.length ?? promptTokens,
      generatedTokens: this.#isTextOnly ? encoded + (generatedTokens ?? sinceMoved) : this.#tokens.length,
      cachedTokens,
      reasoningTokens: this.#isTextOnly ? reasoningTokens : this.#reasoningTokens,
    }
  }

  add(piece: RemotePiece): void {
    const { text, reasoning, toolCalls = [], tokens, promptTokens, droppedMessages, finish, usage } = piece
    // A place that continues a text counts the text so far as its prompt.
    if (!this.hasBegun) {
      this.#promptTokens ??= promptTokens
      this.#droppedMessages = droppedMessages ?? this.#droppedMessages
    }
    if (
      (text !== '' || reasoning || toolCalls.length > 0) &&
      tokens.length === 0 &&
      this.#tokens.length === 0
    )
      this.#isTextOnly = true
    this.#text += text
    this.#toolCalls.push(...toolCalls)
    if (reasoning !== undefined) {
      this.#reasoning += reasoning
      this.#reasoningTokens += tokens.length
    }
    this.#tokens.push(...tokens)
    this.#usage ??= usage
    this.finish ??= finish
  }

  /**
   * The request for the next place: the caller's at first, later the tokens of the prompt and of the text so far.
   *
   * @param reader Reads the prompt or the text so far where no place has sent its tokens.
   * @throws SpillwayError `not_supported` where those tokens are unknown and there is no tokenizer.
   */
  nextRequest(reader?: Pick<TextGenerator, 'tokenizer' | 'contextLength'>): TextRequest {
    if (!this.hasBegun) return this.#request
    const prompt =
      this.#promptTokens ??
      (reader && readPrompt(this.#request, reader.tokenizer, reader.contextLength).tokens)
    const soFar = this.#isTextOnly
      ? this.#encodeText(reader?.tokenizer)
      : this.#tokens.map(({ token }) => token)
    if (!prompt || !soFar) {
      throw new SpillwayError('not_supported', 'The text cannot be continued elsewhere', {
        expected: 'its tokens from the server, or a tokenizer on the device',
        got: `${countOf(this.#text.length + this.#reasoning.length, 'character')} of text`,
      })
    }
    if (this.#isTextOnly) this.#moved = { encoded: soFar.length, received: this.#tokens.length }
    const { messages, prompt: _, templateArguments: __, truncation: ___, ...rest } = this.#request
    return {
      ...rest,
      ...(messages && { isChat: true }),
      tokens: [...prompt, ...soFar],
      generated: (this.#request.generated ?? 0) + soFar.length,
      maxTokens: this.#remainingTokens,
    }
  }

  /** How a thought or a call was marked is not known of a text without its tokens. */
  #encodeText(tokenizer: Tokenizer | undefined): number[] | undefined {
    const isText = this.#reasoning === '' && this.#toolCalls.length === 0
    return isText ? tokenizer?.encode(this.#text, false) : undefined
  }

  /** New tokens that may still come. */
  get #remainingTokens(): number | undefined {
    const { maxTokens } = this.#request
    return maxTokens === undefined ? undefined : Math.max(0, maxTokens - this.usage.generatedTokens)
  }
}
