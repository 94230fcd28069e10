import type { OpenAiResponseTextFormat } from './format-types.ts'
import type { OneTextFields, OtherFields } from './types.ts'

/**
 * An item of a response's input: a message, a call of a tool (`function_call`) or its output (`function_call_output`). Parts
 * other than texts, and other items, are refused.
 */
export interface OpenAiResponseItem extends OtherFields<'id' | 'status' | 'phase' | 'caller' | 'namespace'> {
  readonly type?: string | null | undefined
  readonly role?: string | null | undefined
  /** A text, or its parts. */
  readonly content?: unknown
  readonly call_id?: string | null | undefined
  readonly name?: string | null | undefined
  readonly arguments?: unknown
  readonly output?: unknown
}

/** A request of `runtime.openai.responses.create()`. Nothing is stored: a conversation is sent with each of its requests. */
export interface OpenAiResponseRequest
  extends OneTextFields,
    OtherFields<
      | 'background'
      | 'context_management'
      | 'conversation'
      | 'include'
      | 'moderation'
      | 'parallel_tool_calls'
      | 'previous_response_id'
      | 'prompt'
      | 'prompt_cache_key'
      | 'prompt_cache_options'
      | 'prompt_cache_retention'
      | 'reasoning'
      | 'safety_identifier'
      | 'service_tier'
      | 'store'
      | 'stream_options'
      | 'tool_choice'
      | 'tools'
      | 'top_logprobs'
      | 'user'
    > {
  /** A text of the user, or messages. */
  readonly input: string | readonly OpenAiResponseItem[]
  /** The system's message before them. */
  readonly instructions?: string | null | undefined
  readonly max_output_tokens?: number | null | undefined
  /**
   * `auto` leaves out the oldest turns where the model's context has no place for all of them and the answer; not the
   * system's messages at the beginning, nor the last turn. `disabled` (default) refuses what does not fit. A chat with
   * `auto` has no `truncate_prompt_tokens`.
   */
  readonly truncation?: 'auto' | 'disabled' | null | undefined
  /** The form of the answer. */
  readonly text?: { readonly format?: OpenAiResponseTextFormat | null | undefined } | null | undefined
  /** At most 16 texts, which the answer repeats. */
  readonly metadata?: Readonly<Record<string, string>> | null | undefined
}

/** The text of a response. */
export interface OpenAiResponseText {
  type: 'output_text'
  text: string
  annotations: []
  logprobs: []
}

/** The one message of a response. */
export interface OpenAiResponseMessage {
  id: string
  type: 'message'
  role: 'assistant'
  status: 'in_progress' | 'completed' | 'incomplete'
  content: OpenAiResponseText[]
}

/** How many tokens a response cost. */
export interface OpenAiResponseUsage {
  input_tokens: number
  input_tokens_details: { cached_tokens: number; cache_write_tokens: number }
  output_tokens: number
  output_tokens_details: { reasoning_tokens: number }
  total_tokens: number
}

/** A response: the answer, and what its events have of it so far. */
export interface OpenAiResponse {
  id: string
  object: 'response'
  /** Seconds since 1970. */
  created_at: number
  completed_at: number | null
  /** `incomplete`: it met `max_output_tokens`, or the model's context. */
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  error: { code: 'server_error' | 'rate_limit_exceeded'; message: string } | null
  incomplete_details: { reason: 'max_output_tokens' } | null
  /** Empty until the text has ended. */
  output: OpenAiResponseMessage[]
  /** The text of `output`. */
  output_text: string
  /**
   * With `truncation: 'auto'`, once the text has ended: messages that the model did not read, the first ones after the
   * system's. A message with its calls counts as one. Absent where it read all. A streamed chat says it in the first event.
   */
  dropped_messages?: number
  /** Null until the text has ended. OpenAI's type leaves that out. */
  usage?: OpenAiResponseUsage
  model: string
  background: false
  instructions: string | null
  max_output_tokens: number | null
  metadata: Record<string, string>
  parallel_tool_calls: true
  previous_response_id: null
  reasoning: { effort: null; summary: null }
  service_tier: 'default'
  store: false
  temperature: number | null
  text: { format: { type: 'text' } }
  tool_choice: 'auto'
  tools: []
  top_p: number | null
  truncation: 'auto' | 'disabled'
}

/** An event of a streamed response. One that breaks off ends with `response.failed`. */
export type OpenAiResponseEvent = {
  /** From 0 on. */
  sequence_number: number
} & (
  | {
      type:
        | 'response.created'
        | 'response.in_progress'
        | 'response.completed'
        | 'response.incomplete'
        | 'response.failed'
      response: OpenAiResponse
    }
  | {
      type: 'response.output_item.added' | 'response.output_item.done'
      output_index: number
      item: OpenAiResponseMessage
    }
  | ({ item_id: string; output_index: number; content_index: number } & (
      | { type: 'response.content_part.added' | 'response.content_part.done'; part: OpenAiResponseText }
      | { type: 'response.output_text.delta'; delta: string; logprobs: [] }
      | { type: 'response.output_text.done'; text: string; logprobs: [] }
    ))
)
