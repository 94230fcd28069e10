/**
 * Generation, from text down to a lane. Types only.
 *
 * Two levels. Tokens: what lanes decode, many sequences a step (`TokenGenerator`). Text: prompts, chat templates,
 * stop strings and pieces of text (`TextGenerator`), over any `TokenGenerator`. A stream that moves to another
 * lane or tier goes on from its prompt and the tokens so far: nothing else is needed to continue it.
 */
import type { Placement } from '../../models/index.ts'
import type { ChatRole } from '../../models/openai.ts'
import type { WaitOptions } from '../scheduler/work.ts'

/** How the next token is chosen. What is absent is as the model's manifest says, else off. */
export interface Sampling {
  /** 0 is greedy: the most likely token, always. */
  readonly temperature?: number | undefined
  /** Only the k most likely. */
  readonly topK?: number | undefined
  /** Only the most likely that together have this probability. */
  readonly topP?: number | undefined
  /** Only those at least this share as likely as the likeliest. */
  readonly minP?: number | undefined
  /** Divides the logits of tokens in the prompt and the text so far; 1 is off. */
  readonly repetitionPenalty?: number | undefined
  /** Taken off the logit of each token that was generated; 0 is off. */
  readonly presencePenalty?: number | undefined
  /** Taken off the logit of each token for each time that it was generated; 0 is off. */
  readonly frequencyPenalty?: number | undefined
  /** Added to logits, by token id. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined
  /**
   * The same seed gives the same tokens, whatever else is in the batch: each draw depends on the seed and the
   * token's position alone. Absent: a seed of chance, made once a request, above the lanes.
   */
  readonly seed?: number | undefined
  /** Tells the log probability of each token, and those of so many of the likeliest. Absent: none are told. */
  readonly logprobs?: number | undefined
}

export interface TokenLogprob {
  readonly token: number
  /** Natural logarithm of the probability, before penalties, temperature and filters. */
  readonly logprob: number
}

/** One generated token. */
export interface GeneratedToken {
  readonly token: number
  /** As `TokenLogprob`'s, where it was asked for. */
  readonly logprob?: number | undefined
  /** The likeliest at this place, best first, where they were asked for. */
  readonly top?: readonly TokenLogprob[] | undefined
}

/** `stop`: a stop token or stop string came; `length`: maxTokens or the context's end. */
export type FinishReason = 'stop' | 'length'

/** One sequence to continue, in tokens. */
export interface TokenRequest {
  /** All that is read before the first new token: at least one token. */
  readonly prompt: readonly number[]
  /**
   * Of the prompt's end, how many this stream generated before it came here. Penalties count them as generated;
   * positions, and so the draws, go on from the whole prompt.
   */
  readonly generated: number
  /** New tokens at most, not counting `generated`. */
  readonly maxTokens: number
  /** Tokens that end the sequence; the one that does is not handed out. */
  readonly stopTokens: readonly number[]
  readonly sampling: Sampling
}

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

/** Slots and their use now. */
export interface GeneratorLoad {
  readonly slots: number
  readonly running: number
  readonly waiting: number
  /** Tokens held in slots over those that fit, 0 to 1. */
  readonly kvUsage: number
}

/** Decodes sequences of one model on one tier, many a step. */
export interface TokenGenerator {
  generate(request: TokenRequest, options?: GenerateOptions): TokenStream
  readonly load: GeneratorLoad
  /** Where its sequences run: part of the placement that is told. */
  readonly ranOn: Pick<Placement, 'backend' | 'variant'>
}

/** Chooses tokens for one sequence; holds what penalties need. */
export interface Sampler {
  /**
   * @param logits Of the whole vocabulary, read-only; or, where the graph selects, those of its k likeliest tokens.
   * @param position Of the token that is chosen, counted from the sequence's first.
   * @throws SpillwayError `model_output_invalid` where the logits hold NaN or no finite number.
   */
  next(logits: Logits, position: number): GeneratedToken
}

export interface Logits {
  /** Of the tokens in `ids`; where there are no ids, of every token in order. */
  readonly values: Float32Array
  readonly ids?: Int32Array | undefined
  /** Logarithm of the sum of the exponentials of all logits; given with `ids`, where only the graph knows it. */
  readonly logSumExp?: number | undefined
}

export type CreateSampler = (
  sampling: Sampling,
  prompt: readonly number[],
  /** How many at the prompt's end count as generated. */
  generated: number,
) => Sampler

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

export interface ChatMessage {
  readonly role: ChatRole
  readonly content: string
}

/** One of the three says what is continued. */
export type Prompt =
  | { readonly prompt: string; readonly messages?: never; readonly tokens?: never }
  | { readonly messages: readonly ChatMessage[]; readonly prompt?: never; readonly tokens?: never }
  | { readonly tokens: readonly number[]; readonly prompt?: never; readonly messages?: never }

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
  readonly ranOn: TokenGenerator['ranOn']
}
