/**
 * The OpenAI API's completions and embeddings, with those fields of vLLM that carry tokens.
 * Sources: https://platform.openai.com/docs/api-reference; vLLM's OpenAI-compatible server for fields marked vLLM.
 * Other fields of a request are ignored, as OpenAI's API does; the server refuses those that would change its answer.
 */
import * as z from 'zod/mini'
import { count, ending, forms, nullish, positive, sampling, truncation } from './openai-fields.ts'

const tokenIds = z.array(z.int().check(z.nonnegative()))

/** The API's four forms of texts: one or several, as text or as tokens. */
export type Texts = string | readonly string[] | readonly number[] | readonly (readonly number[])[]

const isToken = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
const isTokens = (value: unknown) => Array.isArray(value) && value.every(isToken)

const isTexts = (value: unknown): value is Texts => {
  if (!Array.isArray(value)) return typeof value === 'string'
  return value.every((one) => typeof one === 'string') || value.every(isToken) || value.every(isTokens)
}

/** Checked by plain loops: it may have millions of tokens, and a schema would describe the fault of each. */
const texts = z.custom<Texts>(
  isTexts,
  'a text, a list of texts, a list of token ids, or a list of such lists',
)
const common = {
  model: z.string(),
  n: nullish(positive),
  ...ending,
  stream: nullish(z.boolean()),
  stream_options: nullish(z.object({ include_usage: nullish(z.boolean()) })),
  ...sampling,
  ...forms,
  /** vLLM: keeps only this many tokens at the end of the prompt; −1: as many as the context holds. */
  truncate_prompt_tokens: nullish(z.int().check(z.minimum(-1))),
  /** vLLM: which of the waiting texts begin first: the lowest, 0 where it is absent. */
  priority: nullish(z.int()),
  /** vLLM: the response includes the token ids of the text and of the prompt. */
  return_token_ids: nullish(z.boolean()),
  /** vLLM: log probabilities name tokens as `token_id:ID` instead of by text. */
  return_tokens_as_token_ids: nullish(z.boolean()),
  /**
   * Spillway: the number of tokens at the end of the prompt that another tier has generated of this text. Penalties,
   * stop strings and incomplete characters continue from there. Only with a prompt of tokens; other servers ignore it.
   */
  generated_tokens: nullish(count),
  /**
   * Spillway: the variant that began this text on another tier. The server goes on with it where its backend runs it,
   * else with its own; `system_fingerprint` says which. Other servers ignore it.
   */
  preferred_variant: nullish(z.string()),
}

const textPart = z.object({ type: z.literal('text'), text: z.string() })

/** What tools may be called. */
export const toolName = /^[a-zA-Z0-9_-]{1,64}$/

/** The roles of a chat's messages. */
export const chatRoles = ['system', 'developer', 'user', 'assistant', 'tool'] as const
/** One of `chatRoles`. */
export type ChatRole = (typeof chatRoles)[number]

/** A call of a tool in a chat's history. */
const toolCall = z.object({
  id: nullish(z.string()),
  /** The API's other kinds of calls are for its own tools. */
  type: nullish(z.literal('function')),
  function: z.object({ name: z.string(), arguments: nullish(z.string()) }),
})

/** The most tools of a request, as in OpenAI's API. */
export const maxTools = 128

const toolFields = {
  name: nullish(z.string().check(z.regex(toolName))),
  description: nullish(z.string()),
  /** A JSON Schema. */
  parameters: nullish(z.record(z.string(), z.unknown())),
  strict: nullish(z.boolean()),
}

/** A tool that the model may call. Chats have a function's fields in an object, responses in the tool itself. */
const tool = z.object({ type: z.string(), function: nullish(z.object(toolFields)), ...toolFields })
/** See `tool`. */
export type WireTool = z.infer<typeof tool>

/** The fields of a chat or a response that say which tools are called. */
export const toolRequest = {
  tools: nullish(z.array(tool).check(z.maxLength(maxTools))),
  /** `auto`, `none`, `required` or a function. Others are refused when the request is read. */
  tool_choice: nullish(z.unknown()),
  parallel_tool_calls: nullish(z.boolean()),
}

/** A part of a call in an event of a stream: the first has the name, the others parts of the arguments. */
const toolCallDelta = z.object({
  index: nullish(count),
  id: nullish(z.string()),
  function: nullish(z.object({ name: nullish(z.string()), arguments: nullish(z.string()) })),
})
/** See `toolCallDelta`. */
export type WireToolCallDelta = z.infer<typeof toolCallDelta>
const toolCallDeltas = nullish(z.array(toolCallDelta))

/** One message of a chat, as a text or in parts. */
export const chatMessage = z.object({
  role: z.enum(chatRoles),
  /** Null or absent only in an assistant's message, which may call tools instead. */
  content: nullish(z.union([z.string(), z.array(textPart)])),
  name: nullish(z.string()),
  tool_calls: nullish(z.array(toolCall)),
  tool_call_id: nullish(z.string()),
  /** vLLM and others: what the model thought before its text. */
  reasoning_content: nullish(z.string()),
})
/** See `chatMessage`. */
export type WireChatMessage = z.infer<typeof chatMessage>

/** The body of `POST /v1/chat/completions`. */
export const chatRequest = z.object({
  ...common,
  messages: z.array(chatMessage).check(z.minLength(1)),
  max_tokens: nullish(positive),
  max_completion_tokens: nullish(positive),
  logprobs: nullish(z.boolean()),
  top_logprobs: nullish(z.int().check(z.minimum(0), z.maximum(20))),
  /** vLLM: further variables of the chat template, such as `enable_thinking`. */
  chat_template_kwargs: nullish(z.record(z.string(), z.unknown())),
  /** How much the model thinks, as its template reads it. */
  reasoning_effort: nullish(z.string()),
  /** Spillway: as of responses. */
  truncation,
  ...toolRequest,
})
/** See `chatRequest`. */
export type ChatRequest = z.infer<typeof chatRequest>

/** The body of `POST /v1/completions`. */
export const completionRequest = z.object({
  ...common,
  prompt: texts,
  max_tokens: nullish(count),
  logprobs: nullish(z.int().check(z.minimum(0), z.maximum(20))),
  echo: nullish(z.boolean()),
  /**
   * Spillway: the prompt is a chat in the model's template. The thought of its answer comes as `reasoning_content`, apart
   * from the text, and calls of its `tools` as in chats. Other
   * servers ignore it.
   */
  is_chat: nullish(z.boolean()),
  ...toolRequest,
})
/** See `completionRequest`. */
export type CompletionRequest = z.infer<typeof completionRequest>

/** The body of `POST /v1/embeddings`. */
export const embeddingRequest = z.object({
  model: z.string(),
  input: texts,
  encoding_format: nullish(z.enum(['float', 'base64'])),
  dimensions: nullish(positive),
})
/** See `embeddingRequest`. */
export type EmbeddingRequest = z.infer<typeof embeddingRequest>

/** Token counts of a response. */
export const usage = z.object({
  prompt_tokens: count,
  completion_tokens: z.optional(count),
  total_tokens: count,
  prompt_tokens_details: nullish(z.object({ cached_tokens: nullish(count) })),
  completion_tokens_details: nullish(z.object({ reasoning_tokens: nullish(count) })),
})
/** See `usage`. */
export type WireUsage = z.infer<typeof usage>

/** An answer of `POST /v1/embeddings`. Lists only the fields that are read. */
export const embeddingList = z.object({
  data: z.array(z.object({ index: count, embedding: z.array(z.number()) })),
  usage: nullish(usage),
})

const finishReason = nullish(z.string())

/** One event of a streamed completion, or a whole response. Lists only the fields that are read. */
export const completionChunk = z.object({
  /** `VARIANT/BACKEND`. OpenAI defines the field as the configuration that the model runs with. */
  system_fingerprint: nullish(z.string()),
  choices: z.array(
    z.object({
      index: z.int(),
      text: z.string(),
      /** Ours, with `is_chat`. */
      reasoning_content: nullish(z.string()),
      tool_calls: toolCallDeltas,
      finish_reason: finishReason,
      logprobs: nullish(
        z.object({
          tokens: nullish(z.array(z.string())),
          token_logprobs: nullish(z.array(z.nullable(z.number()))),
          top_logprobs: nullish(z.array(z.nullable(z.record(z.string(), z.number())))),
        }),
      ),
      token_ids: nullish(tokenIds),
      prompt_token_ids: nullish(tokenIds),
    }),
  ),
  usage: nullish(usage),
})

const tokenLogprob = { token: z.string(), logprob: z.number() }
const chatLogprob = z.object({ ...tokenLogprob, top_logprobs: nullish(z.array(z.object(tokenLogprob))) })

/** One event of a streamed chat completion. */
export const chatChunk = z.object({
  system_fingerprint: nullish(z.string()),
  /** vLLM; in the first event. */
  prompt_token_ids: nullish(tokenIds),
  /** Spillway: how many messages were left out for `truncation: "auto"`; in the first event. */
  dropped_messages: nullish(count),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({
        role: nullish(z.string()),
        content: nullish(z.string()),
        /** vLLM before 0.12 and others: a part of the thought. */
        reasoning_content: nullish(z.string()),
        /** The same by newer names. */
        reasoning: nullish(z.string()),
        tool_calls: toolCallDeltas,
      }),
      finish_reason: finishReason,
      logprobs: nullish(z.object({ content: nullish(z.array(chatLogprob)) })),
      token_ids: nullish(tokenIds),
    }),
  ),
  usage: nullish(usage),
})

/** The body of an error response, and of the event that ends a broken stream. */
export const errorBody = z.object({
  error: z.object({
    message: z.string(),
    type: nullish(z.string()),
    param: nullish(z.string()),
    code: nullish(z.union([z.string(), z.number()])),
    /** Ours: what the header `retry-after-ms` says of an answer that is no stream. */
    retry_after_ms: nullish(z.number()),
  }),
})
/** See `errorBody`. */
export type WireOpenAiError = z.infer<typeof errorBody>

const idPrefix = 'token_id:'

/** The name of a token in log probabilities with `return_tokens_as_token_ids`. */
export const tokenIdName = (token: number): string => `${idPrefix}${token}`

/** The inverse of `tokenIdName`; undefined for other names. */
export function tokenOfIdName(name: string): number | undefined {
  const id = name.startsWith(idPrefix) ? Number(name.slice(idPrefix.length)) : Number.NaN
  return Number.isSafeInteger(id) && id >= 0 ? id : undefined
}
