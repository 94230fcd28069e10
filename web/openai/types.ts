import type { Policy } from '../../models/core/index.ts'
import type { ChatRole } from '../../models/protocols/openai.ts'
import type { ToolCall } from '../../workers/host/text/types.ts'
import type { FinishReason } from '../../workers/protocol/generation.ts'
import type { OpenAiResponseFormat } from './format-types.ts'
import type { OpenAiResponse, OpenAiResponseEvent, OpenAiResponseRequest } from './response-types.ts'
import type { OpenAiTool, OpenAiToolCall, OpenAiToolCallDelta } from './tool-types.ts'

/**
 * Fields of OpenAI's requests that code for its client sends. Those that would change the answer are refused as
 * `not_supported`, as the server does; the others change nothing.
 */
export type OtherFields<Name extends string> = { readonly [Field in Name]?: unknown }

/** The fields that all requests for text share, as OpenAI's API and vLLM have them. */
export interface OneTextFields {
  /** A source of `runtime.model()`: an id in the folder of models, or `hf:owner/repo`. */
  readonly model: string
  /** Strings that end the text. They are not part of it. */
  readonly stop?: string | string[] | null | undefined
  readonly stream?: boolean | null | undefined
  readonly temperature?: number | null | undefined
  readonly top_p?: number | null | undefined
  readonly presence_penalty?: number | null | undefined
  readonly frequency_penalty?: number | null | undefined
  /** Added to logits, by token id. */
  readonly logit_bias?: Readonly<Record<string, number>> | null | undefined
  readonly seed?: number | null | undefined
  /** The form of the text: any, a JSON object, or JSON that fits a schema. */
  readonly response_format?: OpenAiResponseFormat | null | undefined
  /** vLLM: the form of the text, by one of these. */
  readonly structured_outputs?:
    | {
        readonly json?: object | string
        readonly json_object?: boolean
        readonly regex?: string
        readonly choice?: readonly string[]
        readonly grammar?: string
      }
    | null
    | undefined
  /** vLLM. */
  readonly top_k?: number | null | undefined
  /** vLLM. */
  readonly min_p?: number | null | undefined
  /** vLLM. */
  readonly repetition_penalty?: number | null | undefined
  /** vLLM: continues past the model's stop tokens. */
  readonly ignore_eos?: boolean | null | undefined
  /** vLLM: texts of lower ones begin earlier. */
  readonly priority?: number | null | undefined
}

/** The fields that chats and completions share. */
interface TextFields extends OneTextFields {
  /** Texts for each prompt, at most 128 in all. Default 1. */
  readonly n?: number | null | undefined
  readonly stream_options?: { readonly include_usage?: boolean | undefined } | null | undefined
  /** vLLM: keeps only this many tokens at the end of the prompt; −1: as many as the context holds. */
  readonly truncate_prompt_tokens?: number | null | undefined
  /** vLLM: the answer has the token ids of the text and of the prompt. */
  readonly return_token_ids?: boolean | null | undefined
  /** vLLM: log probabilities name tokens as `token_id:ID`. */
  readonly return_tokens_as_token_ids?: boolean | null | undefined
}

/** A message of a chat. Parts other than texts are refused. */
export interface OpenAiMessage extends OtherFields<'refusal' | 'audio' | 'function_call'> {
  readonly role: ChatRole | 'function'
  readonly content?: string | readonly { readonly type: string }[] | null | undefined
  readonly name?: string | null | undefined
  readonly tool_calls?: readonly (ToolCall | { readonly type: string })[] | undefined
  readonly tool_call_id?: string | undefined
}

/** A request of `runtime.openai.chat.completions.create()`. */
export interface OpenAiChatRequest
  extends TextFields,
    Pick<OpenAiResponseRequest, 'truncation'>,
    OtherFields<
      | 'audio'
      | 'function_call'
      | 'functions'
      | 'metadata'
      | 'modalities'
      | 'moderation'
      | 'prediction'
      | 'prompt_cache_key'
      | 'prompt_cache_options'
      | 'prompt_cache_retention'
      | 'safety_identifier'
      | 'service_tier'
      | 'store'
      | 'user'
      | 'verbosity'
      | 'web_search_options'
    > {
  readonly messages: readonly OpenAiMessage[]
  /** At most 128 functions. Refused where the chat template does not read them. */
  readonly tools?: readonly OpenAiTool[] | null | undefined
  /** `auto` (default), `none`, `required`, or a function of `tools`. */
  readonly tool_choice?: unknown
  /** Default true; else the answer ends with its first call. */
  readonly parallel_tool_calls?: boolean | null | undefined
  readonly max_tokens?: number | null | undefined
  readonly max_completion_tokens?: number | null | undefined
  readonly logprobs?: boolean | null | undefined
  readonly top_logprobs?: number | null | undefined
  /** How much the model thinks: refused where its chat template does not read it. `none`: not at all. */
  readonly reasoning_effort?: string | null | undefined
  /** vLLM: further variables of the chat template, such as `enable_thinking`. */
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null | undefined
}

/** One or several texts, as text or as tokens. */
export type OpenAiTexts = string | readonly string[] | readonly number[] | readonly (readonly number[])[]

/** A request of `runtime.openai.completions.create()`. */
export interface OpenAiCompletionRequest extends TextFields, OtherFields<'best_of' | 'suffix' | 'user'> {
  readonly prompt: OpenAiTexts | null
  /** Default 16; `null`: as many as the context holds. */
  readonly max_tokens?: number | null | undefined
  readonly logprobs?: number | null | undefined
  readonly echo?: boolean | null | undefined
}

/** A request of `runtime.openai.embeddings.create()`. */
export interface OpenAiEmbeddingRequest extends OtherFields<'user'> {
  readonly model: string
  readonly input: OpenAiTexts
  /** `float` (default), or `base64` of little-endian float32 numbers. */
  readonly encoding_format?: 'float' | 'base64' | undefined
  /** Only the model's own number. */
  readonly dimensions?: number | undefined
}

/** Options of a call, beside its request. */
export interface OpenAiOptions {
  /** Aborts the call, which then rejects as `aborted`. A stream that has begun ends. */
  readonly signal?: AbortSignal | null | undefined
  /** Milliseconds to the end of the answer, streams included. Default: none. */
  readonly timeout?: number | undefined
  /** Where this request may run. Default: the runtime's policy. */
  readonly policy?: Policy | undefined
}

/** The log probability of a token. */
export interface OpenAiTokenLogprob {
  token: string
  logprob: number
  bytes: number[] | null
}

/** The log probabilities of a chat's text, token by token. */
export interface OpenAiChatLogprobs {
  content: (OpenAiTokenLogprob & { top_logprobs: OpenAiTokenLogprob[] })[] | null
  refusal: null
}

/** The log probabilities of a completed text: one list a field. */
export interface OpenAiCompletionLogprobs {
  tokens: string[]
  token_logprobs: number[]
  top_logprobs: Record<string, number>[]
  text_offset: number[]
}

/** How many tokens an answer cost. */
export interface OpenAiUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  /** Those that were the models' thoughts. */
  completion_tokens_details: { reasoning_tokens: number }
}

interface AnswerFields {
  id: string
  /** Seconds since 1970. */
  created: number
  model: string
  /** `VARIANT/BACKEND`: what the text was begun with. */
  system_fingerprint: string
}

/** The message of an answer. */
export interface OpenAiAnswer {
  role: 'assistant'
  /** `null` where the model only calls tools. */
  content: string | null
  refusal: null
  /** The calls of tools. Absent where there is none. */
  tool_calls?: OpenAiToolCall[]
  /** vLLM: what the model thought before its text. Absent where it did not. */
  reasoning_content?: string
}

/** An answer to a chat. */
export interface OpenAiChatCompletion extends AnswerFields, Pick<OpenAiResponse, 'dropped_messages'> {
  object: 'chat.completion'
  choices: {
    index: number
    message: OpenAiAnswer
    logprobs: OpenAiChatLogprobs | null
    finish_reason: FinishReason | 'tool_calls'
  }[]
  usage: OpenAiUsage
}

/** An event of a streamed answer to a chat. */
export interface OpenAiChatChunk extends AnswerFields, Pick<OpenAiResponse, 'dropped_messages'> {
  object: 'chat.completion.chunk'
  choices: {
    index: number
    /** The thought comes before the text, in events of its own. */
    delta: {
      role?: 'assistant'
      content?: string
      reasoning_content?: string
      tool_calls?: OpenAiToolCallDelta[]
    }
    logprobs: OpenAiChatLogprobs | null
    finish_reason: FinishReason | 'tool_calls' | null
  }[]
  /** In the last event, where `stream_options.include_usage` asks for it; `null` in the others. */
  usage?: OpenAiUsage | null
}

interface CompletionFields extends AnswerFields {
  object: 'text_completion'
}

/** A completed text. */
export interface OpenAiCompletion extends CompletionFields {
  choices: {
    index: number
    text: string
    logprobs: OpenAiCompletionLogprobs | null
    finish_reason: FinishReason
  }[]
  usage: OpenAiUsage
}

/** An event of a streamed completion. */
export interface OpenAiCompletionChunk extends CompletionFields {
  choices: {
    index: number
    text: string
    logprobs: OpenAiCompletionLogprobs | null
    finish_reason: FinishReason | null
  }[]
  /** As of `OpenAiChatChunk`. */
  usage?: OpenAiUsage | null
}

/** The vectors of texts. */
export interface OpenAiEmbeddings {
  object: 'list'
  data: { object: 'embedding'; index: number; embedding: number[] }[]
  model: string
  usage: { prompt_tokens: number; total_tokens: number }
}

/** A streamed answer. It can be read once. Leaving the loop, or aborting the controller, ends its texts. */
export interface OpenAiStream<Event> extends AsyncIterable<Event> {
  readonly controller: AbortController
}

/**
 * `create` of texts.
 *
 * @throws SpillwayError `request_malformed` and `not_supported` with `detail.param`, as the server refuses the request; else
 * as `Model.generate()`.
 */
export interface CreateTexts<Request, Answer, Event> {
  /** An answer in one piece. */
  create(
    request: Request & { readonly stream?: false | null | undefined },
    options?: OpenAiOptions,
  ): Promise<Answer>
  /** Its events, once the first text has begun. */
  create(request: Request & { readonly stream: true }, options?: OpenAiOptions): Promise<OpenAiStream<Event>>
  /** Either. */
  create(request: Request, options?: OpenAiOptions): Promise<Answer | OpenAiStream<Event>>
}

/** OpenAI's client over the page's models: requests and answers are those of the server's `/v1`. */
export interface OpenAiClient {
  readonly chat: {
    readonly completions: CreateTexts<OpenAiChatRequest, OpenAiChatCompletion, OpenAiChatChunk>
  }
  readonly completions: CreateTexts<OpenAiCompletionRequest, OpenAiCompletion, OpenAiCompletionChunk>
  readonly responses: CreateTexts<OpenAiResponseRequest, OpenAiResponse, OpenAiResponseEvent>
  readonly embeddings: {
    /** One vector a text. @throws SpillwayError As `CreateTexts`, else as `Model.embed()`. */
    create(request: OpenAiEmbeddingRequest, options?: OpenAiOptions): Promise<OpenAiEmbeddings>
  }
}
