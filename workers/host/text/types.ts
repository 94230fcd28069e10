/**
 * Generation on the host's side, in two levels. Tokens: what lanes decode, many sequences a step (`TokenGenerator`).
 * Text: prompts, chat templates, stop strings and pieces of text (`TextGenerator`), over any `TokenGenerator`. A stream
 * that moves to another lane or tier continues from its prompt and the tokens so far: nothing else is needed.
 */
import type { Placement } from '../../../models/core/index.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import type { ChatRole } from '../../../models/protocols/openai.ts'
import type { FinishReason, GeneratedToken, GeneratorLoad, TokenRequest } from '../../protocol/generation.ts'
import type { WaitOptions } from '../scheduler/work.ts'

/** How long a text took, in milliseconds. */
export interface GenerateTimings {
  /** From the request to its slot, in milliseconds. */
  readonly queueMs: number
  /** From the request to its first token, in milliseconds. */
  readonly firstTokenMs: number
  /** Mean milliseconds from one token to the next, after the first. */
  readonly perTokenMs: number
}

export interface TokenResult {
  readonly finish: FinishReason
  /** Of the prompt, how many tokens were in a slot already (prefix reuse). */
  readonly cachedTokens: number
  readonly timings: GenerateTimings
}

/**
 * The tokens of one sequence as they come, several at once where the reader is slower than they come.
 * Leaving the loop, or the request's signal, frees the slot within one step: who leaves has enough, and `result`
 * resolves as `stop`; a signal rejects both as `aborted`. What is not read yet is bounded by maxTokens: a reader
 * that stops holds up nobody else.
 *
 * Both the loop and `result` reject with a SpillwayError: `context_exceeded`, `model_output_invalid` (NaN logits),
 * `lane_lost` only when the sequence could not be moved to another lane, `overloaded`, `aborted`, `deadline_exceeded`.
 */
export interface TokenStream extends AsyncIterable<readonly GeneratedToken[]> {
  /** Settles when the last token is out, whether or not it was read. */
  readonly result: Promise<TokenResult>
}

export interface GenerateOptions extends WaitOptions {}

/** Decodes sequences of one model on one tier, many a step. */
export interface TokenGenerator {
  generate(request: TokenRequest, options?: GenerateOptions): TokenStream
  readonly load: GeneratorLoad
  /** Where its sequences run: part of the placement that is told. */
  readonly executedOn: Pick<Placement, 'backend' | 'variant'>
}

/** A model's text: the files of its tokenizer, read. */
export interface Tokenizer {
  /** @param special Whether what the tokenizer puts around a text (BOS, EOS) is put there. */
  encode(text: string, special: boolean): number[]
  /** All at once; special tokens are left out. */
  decode(tokens: readonly number[]): string
  /**
   * As they come: what is told never holds half a character, and together it is what `decode` gives.
   *
   * @param before The tokens that these go on from: where they say something, a space that follows them stays.
   * @throws SpillwayError `not_supported` where the tokenizer cannot decode token by token.
   */
  streamDecoder(before?: readonly number[]): StreamDecoder
  /** A token as text, for log probabilities: special ones by their names. */
  textOf(token: number): string
  /** The bytes of a token, where it is part of a character. */
  bytesOf(token: number): readonly number[]
  /**
   * A chat as the model was trained to read it, up to where the assistant speaks.
   * @throws SpillwayError `not_supported` where the model has no template, `request_malformed` where it refuses the messages.
   */
  chat(messages: readonly ChatMessage[]): number[]
  readonly stopTokens: readonly number[]
}

export interface StreamDecoder {
  push(token: number): string
  /** What was held back. */
  end(): string
}

/** Text out of tokens, held back for as long as it may be the beginning of a stop string or half a character. */
export interface TextAssembler {
  /** The text that is sure now. Nothing more comes once it has stopped. */
  push(token: number): string
  /** What was held back, where no stop string came of it. */
  end(): string
  /** Whether a stop string came. */
  readonly stopped: boolean
}

/** In `workers/generation/text/`, as `createTextAssembler`. `before`: the prompt, as of `streamDecoder`. */
export type CreateTextAssembler = (
  tokenizer: Tokenizer,
  stops: readonly string[],
  before?: readonly number[],
) => TextAssembler

/** One message of a chat. */
export interface ChatMessage {
  readonly role: ChatRole
  readonly content: string
}

/** One of the three says what is continued. */
export type Prompt =
  | { readonly prompt: string; readonly messages?: never; readonly tokens?: never }
  | { readonly messages: readonly ChatMessage[]; readonly prompt?: never; readonly tokens?: never }
  | { readonly tokens: readonly number[]; readonly prompt?: never; readonly messages?: never }

/** What is continued, how tokens are chosen, and where the text ends. */
export type TextRequest = Prompt &
  Sampling & {
    /** New tokens at most. Default: up to the context's end. */
    readonly maxTokens?: number | undefined
    /** Strings that end the text; they are not handed out. */
    readonly stop?: string | readonly string[] | undefined
    /** A prompt longer than the context: `error` (default) or keep its end. */
    readonly truncate?: 'error' | 'start' | undefined
    /** Of `tokens`' end, how many were generated before; see TokenRequest. */
    readonly generated?: number | undefined
    /** Goes on past the model's own stop tokens. */
    readonly ignoreStopTokens?: boolean | undefined
  }

/** Text as it comes. Its tokens may be ahead of the text that could be told yet, or empty at the end. */
export interface Piece {
  readonly text: string
  readonly tokens: readonly GeneratedToken[]
}

/** How many tokens a text cost. */
export interface Usage {
  readonly promptTokens: number
  readonly generatedTokens: number
  /** Of the prompt's tokens, those that were not read again. */
  readonly cachedTokens: number
}

export interface GenerateResult {
  readonly text: string
  readonly tokens: readonly number[]
  readonly finish: FinishReason
  readonly usage: Usage
  readonly timings: GenerateTimings & { readonly totalMs: number }
}

/** The pieces of one text as they come; `result` settles whether or not they are read. */
export interface TextStream extends AsyncIterable<Piece> {
  readonly result: Promise<GenerateResult>
}

/** Continues text. */
export interface TextGenerator {
  generate(request: TextRequest, options?: GenerateOptions): TextStream
  readonly tokenizer: Tokenizer
  readonly load: GeneratorLoad
  readonly executedOn: TokenGenerator['executedOn']
}
