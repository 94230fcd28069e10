/**
 * Generation on the host's side, at two levels. `TokenGenerator`: sequences of tokens, decoded by lanes, many in a step.
 * `TextGenerator`: prompts, chat templates, stop strings and pieces of text, over any `TokenGenerator`. A stream that
 * moves to another lane or tier continues from its prompt and the tokens so far. Nothing else is needed.
 */
import type { Placement, SpillwayError } from '../../../models/core/index.ts'
import type { ToolFormat } from '../../../models/core/language.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import type { TextFormat } from '../../../models/core/text-format.ts'
import type { ChatRole } from '../../../models/protocols/openai.ts'
import type { FinishReason, GeneratedToken, GeneratorLoad, TokenRequest } from '../../protocol/generation.ts'
import type { WaitOptions } from '../scheduler/work.ts'

/** How long a text took, in milliseconds. */
export interface GenerateTimings {
  /** Milliseconds from the request to its slot. */
  readonly queueMs: number
  /** Milliseconds from the request to its first token. */
  readonly firstTokenMs: number
  /** Mean milliseconds from one token to the next, after the first. */
  readonly perTokenMs: number
}

export interface TokenResult {
  readonly finish: FinishReason
  /** Tokens of the prompt that were in a slot already (prefix reuse). */
  readonly cachedTokens: number
  readonly timings: GenerateTimings
}

/**
 * The tokens of one sequence as they are generated, several at once for a slow reader. Leaving the loop frees the slot
 * within one step, and `result` resolves as `stop`. Firing the request's signal frees it, too, and rejects both as
 * `aborted`. Unread tokens are bounded by maxTokens, so that a slow reader delays no other sequence.
 *
 * Both the loop and `result` reject with a SpillwayError: `context_exceeded`, `model_output_invalid` (NaN logits),
 * `lane_lost` only when no other lane could continue the sequence, `overloaded`, `aborted`, `deadline_exceeded`.
 */
export interface TokenStream extends AsyncIterable<readonly GeneratedToken[]> {
  /** Settles with the last token, whether or not it was read. */
  readonly result: Promise<TokenResult>
}

/** Generates sequences of one model on one tier, many in a step. */
export interface TokenGenerator {
  generate(request: TokenRequest, options?: WaitOptions): TokenStream
  /**
   * Why so many sequences, with so many tokens in their prompts, would not all find a place now; undefined where they
   * would. Absent where sequences do not wait here.
   */
  refusal?(sequences: number, tokens: number, options?: WaitOptions): SpillwayError | undefined
  readonly load: GeneratorLoad
  /** Tokens that a sequence may have here, prompt included. Absent: as many as the model reads. */
  readonly context?: number
  /** Where its sequences run; part of their placement. */
  readonly executedOn: Pick<Placement, 'backend' | 'variant'>
}

/** A model's tokenizer and chat template. */
export interface Tokenizer {
  /** @param special Whether to add the special tokens that the tokenizer puts around a text (BOS, EOS). */
  encode(text: string, special: boolean): number[]
  /** The text of all tokens, without special ones. */
  decode(tokens: readonly number[]): string
  /**
   * Decodes token by token. The pieces never hold half a character, and together equal the result of `decode`.
   *
   * @param before Tokens that the stream follows. Where they have text, a space at the start of the stream is kept.
   * @param markers Special tokens that are shown by their names.
   * @throws SpillwayError `not_supported` where the tokenizer cannot decode token by token.
   */
  streamDecoder(before?: readonly number[], markers?: readonly string[]): StreamDecoder
  /** A token as text, for log probabilities; special tokens by their names. */
  textOf(token: number): string
  /** The bytes of a token, which may be part of a character. */
  bytesOf(token: number): readonly number[]
  /** Whether the token is no text: `decode` leaves it out. */
  isSpecial(token: number): boolean
  /**
   * The tokens of a chat in the model's template, up to the assistant's turn.
   *
   * @param templateArguments Further variables of the template, such as `enable_thinking`.
   * @throws SpillwayError `not_supported` where the model has no template, or its template leaves out calls of tools or
   * their results; `request_malformed` where it refuses the messages or leaves out the user's text.
   */
  chat(messages: readonly ChatMessage[], templateArguments?: TemplateArguments): number[]
  /** Whether the chat template reads a variable of this name. */
  readsVariable(name: string): boolean
  /** How the model marks what is no text of its answers. */
  readonly output: OutputForm
  readonly stopTokens: readonly number[]
}

export type { ToolFormat }

/** How a model marks what is no text of its answers. */
export interface OutputForm {
  /** Absent where the model does not think. */
  readonly reasoning?: ReasoningMarkers | undefined
  /** How it writes calls of tools; absent where that is not known. */
  readonly tools?: ToolFormat | undefined
}

/** The markers around a thought: `<think>` and `</think>`. */
export interface ReasoningMarkers {
  readonly open: string
  readonly close: string
}

export interface StreamDecoder {
  push(token: number): string
  /** The text that was held back. */
  end(): string
}

/** One message of a chat, with the names that OpenAI's API and chat templates have for its fields. */
export interface ChatMessage {
  readonly role: ChatRole
  /** Empty in an assistant's message that only calls tools. */
  readonly content: string
  /** The name of who speaks, or of the tool. Most templates do not read it. */
  readonly name?: string
  /** The calls of an assistant's message. */
  readonly tool_calls?: readonly ToolCall[]
  /** In a tool's message: the call that it answers. */
  readonly tool_call_id?: string
  /** What a model thought before its text. Most templates leave it out of former turns. */
  readonly reasoning_content?: string
}

/** A call of a tool in a chat's history. */
export interface ToolCall {
  readonly id?: string
  readonly type: 'function'
  readonly function: {
    readonly name: string
    /** A JSON object as a string. */
    readonly arguments: string
  }
}

/** A call that a model has written. */
export interface WrittenCall extends ToolCall {
  /** Made up when the call was read. */
  readonly id: string
}

/** A tool that a model may call. */
export interface ToolDefinition {
  /** What it does, for the model to read. */
  readonly description?: string | undefined
  /** A JSON Schema of its arguments, an object. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined
  /** Whether arguments are held to `parameters`. They always are where a call must be made. */
  readonly strict?: boolean | undefined
}

/**
 * Whether the model may call a tool (`auto`, the default), must not, must call one or more, or must call the one of this
 * name, once.
 */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

/** Variables of a chat template beside its messages, by name: plain data. */
export type TemplateArguments = Readonly<Record<string, unknown>>

/** Exactly one of `prompt`, `messages`, `tokens`. */
export type Prompt =
  | { readonly prompt: string; readonly messages?: never; readonly tokens?: never }
  | { readonly messages: readonly ChatMessage[]; readonly prompt?: never; readonly tokens?: never }
  | { readonly tokens: readonly number[]; readonly prompt?: never; readonly messages?: never }

/** What is continued, how tokens are chosen, and where the text ends. */
export type TextRequest = Prompt &
  Sampling & {
    /** Maximum number of new tokens. Default: up to the context's end. */
    readonly maxTokens?: number | undefined
    /** Strings that end the text. They are not part of it. */
    readonly stop?: string | readonly string[] | undefined
    /**
     * For a prompt that leaves no place in the context: `disabled` (default) is an error where it has none for a token.
     * `auto` leaves out the oldest turns of `messages`, so that `maxTokens` have place, but not the system's messages at the
     * beginning and the last turn. `start` cuts off the beginning of any prompt that is longer than the context.
     */
    readonly truncation?: 'disabled' | 'auto' | 'start' | undefined
    /** How many of the last `tokens` were generated before; see TokenRequest. */
    readonly generated?: number | undefined
    /** Continues past the model's own stop tokens. */
    readonly ignoreStopTokens?: boolean | undefined
    /**
     * Whether the prompt is a chat in the model's template, so that the answer's thought comes apart from its text. It
     * always is with `messages`.
     */
    readonly isChat?: boolean | undefined
    /**
     * Holds the text to a form: at each step only tokens are chosen with which it can still get it. The text ends where it
     * is complete, also with `ignoreStopTokens`. One that ends by `length` is a beginning of such a text. A chat's thought
     * is free, and so is a call of a tool in place of the text.
     */
    readonly format?: TextFormat | undefined
    /**
     * Tools by name, for a chat. Their calls come apart from the text. With `messages` the chat template gets them; a
     * prompt of tokens has them already.
     */
    readonly tools?: Readonly<Record<string, ToolDefinition>> | undefined
    readonly toolChoice?: ToolChoice | undefined
    /** Further variables of the chat template, for `messages`: `{ enable_thinking: false }`. */
    readonly templateArguments?: TemplateArguments | undefined
    /** Whether the model may call several tools at a time (default); else its answer ends with the first call. */
    readonly parallelToolCalls?: boolean | undefined
  }

/**
 * A piece of text, or of the model's thought, or calls of tools. Its tokens may be ahead of its text, part of which may be held back. The
 * last piece may have none.
 */
export interface Piece {
  /** Empty in a piece of the thought. */
  readonly text: string
  /** Only in a piece of the thought. */
  readonly reasoning?: string | undefined
  /** Calls of tools that are complete now. */
  readonly toolCalls?: readonly WrittenCall[] | undefined
  readonly tokens: readonly GeneratedToken[]
}

/** How many tokens a text cost. */
export interface Usage {
  readonly promptTokens: number
  readonly generatedTokens: number
  /** Tokens of the prompt that were not read again. */
  readonly cachedTokens: number
  /** Those of the generated tokens that were the model's thought. */
  readonly reasoningTokens: number
}

export interface GenerateResult {
  /** Without the model's thought and its calls of tools. */
  readonly text: string
  /** What the model thought before its text; absent where it did not. */
  readonly reasoning?: string | undefined
  /** The calls of tools in their order; absent where it called none. */
  readonly toolCalls?: readonly WrittenCall[] | undefined
  readonly tokens: readonly number[]
  readonly finish: FinishReason
  /**
   * With `truncation: 'auto'`, how many messages the model did not read: the first ones after the system's. Absent where it
   * read all.
   */
  readonly droppedMessages?: number | undefined
  readonly usage: Usage
  readonly timings: GenerateTimings & { readonly totalMs: number }
}

/** The pieces of one text as they are generated. `result` settles whether or not they are read. */
export interface TextStream extends AsyncIterable<Piece> {
  readonly result: Promise<GenerateResult>
  /** Tokens generated so far, whether or not they were read: all that is known of a text that is left in the middle. */
  readonly generatedTokens: number
}

/** Generates text with one model on one tier. */
export interface TextGenerator {
  generate(request: TextRequest, options?: WaitOptions): TextStream
  /** As of `TokenGenerator`. */
  refusal?(texts: number, tokens: number, options?: WaitOptions): SpillwayError | undefined
  readonly tokenizer: Tokenizer
  /** Tokens that a prompt and its text may have together here. */
  readonly contextLength: number
  readonly load: GeneratorLoad
  readonly executedOn: TokenGenerator['executedOn']
}
