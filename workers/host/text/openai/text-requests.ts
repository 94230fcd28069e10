import type { Sampling } from '../../../../models/core/sampling.ts'
import type { ChatRequest, CompletionRequest } from '../../../../models/protocols/openai.ts'
import { keptMessages } from '../tokenizer/drop-turns.ts'
import type { PromptRequest, ReadPrompt } from '../tokenizer/prompt.ts'
import type { ChatMessage, Prompt, TemplateArguments, TextRequest } from '../types.ts'
import { textsOf, toChatMessage } from './chat-message.ts'
import { invalidParameter } from './invalid-parameter.ts'
import { checkBias, checkPrompt, type PromptBounds } from './prompt-bounds.ts'
import { type FormatFields, requestFormat } from './request-format.ts'
import { toolOptions } from './tool-fields.ts'

/** How much the model is to think: handed to the template as it reads it. */
export interface ReasoningEffort {
  readonly effort: string
  /** As the request names it. */
  readonly param: string
}

/** A prompt of a request for text, and how it is continued. */
export interface RequestedText {
  readonly prompt: Prompt
  /** Variables of the chat template. */
  readonly templateArguments?: TemplateArguments | undefined
  readonly reasoningEffort?: ReasoningEffort | undefined
  readonly options: GenerationOptions
  /** Keeps so many tokens at the end of the prompt. */
  readonly keptTokens?: number | undefined
}

/** A text whose prompt was read. */
export type TokensRequest = TextRequest & { readonly tokens: readonly number[] }

/** The text, and the messages of its chat that it goes without. */
export interface PreparedText {
  readonly request: TokensRequest
  readonly droppedMessages: number
}

/** @throws SpillwayError `request_malformed`, `context_exceeded` or `input_value_invalid`, which name the parameter. */
export function textOfChat(request: ChatRequest, bounds: PromptBounds): RequestedText {
  if (request.top_logprobs && !request.logprobs)
    throw invalidParameter('top_logprobs', 'not without logprobs: true', `${request.top_logprobs}`)
  const messages = request.messages.map((message, index) => toChatMessage(message, `messages[${index}]`))
  const tools = checkedTools(request, bounds)
  checkBias(request.logit_bias, bounds)
  checkChat('messages', messages, request, bounds)
  const { reasoning_effort: effort, truncation } = request
  if (truncation === 'auto' && request.truncate_prompt_tokens != null)
    throw invalidParameter('truncate_prompt_tokens', 'not together with truncation: "auto"')
  return {
    prompt: { messages },
    templateArguments: request.chat_template_kwargs ?? undefined,
    reasoningEffort: effort == null ? undefined : { effort, param: 'reasoning_effort' },
    options: {
      ...optionsOf(request),
      truncation: truncation === 'auto' ? truncation : cutOf(request),
      isChat: true,
      ...tools,
      logprobs: request.logprobs ? (request.top_logprobs ?? 0) : undefined,
      maxTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
    },
    keptTokens: keptTokens(request),
  }
}

/** Refuses a chat whose texts cannot fit the model: those that stay where its oldest turns may go. */
export function checkChat(
  param: string,
  messages: readonly ChatMessage[],
  { truncation }: Pick<ChatRequest, 'truncation'>,
  bounds: PromptBounds,
): void {
  const kept = truncation === 'auto' ? keptMessages(messages) : messages
  checkPrompt(param, kept.flatMap(textsOf).join(''), bounds)
}

/** The tools of a chat. @throws SpillwayError As `toolOptions`; `context_exceeded` where they cannot fit the model. */
export function checkedTools(request: Parameters<typeof toolOptions>[0], bounds: PromptBounds) {
  const options = toolOptions(request)
  if (options.tools) checkPrompt('tools', JSON.stringify(options.tools), bounds)
  return options
}

/** The default of `max_tokens` for a completion in OpenAI's API and vLLM. */
const defaultMaxTokens = 16

/** One for each prompt. @throws SpillwayError As `textOfChat`. */
export function textsOfCompletion(request: CompletionRequest, bounds: PromptBounds): RequestedText[] {
  const { prompt, generated_tokens: generated } = request
  const prompts = promptsOf(prompt)
  if (prompts.length === 0) throw invalidParameter('prompt', 'at least one prompt')
  if (generated && prompts.some((one) => typeof one === 'string'))
    throw invalidParameter('generated_tokens', 'a prompt of tokens')
  if (request.echo && request.logprobs != null)
    throw invalidParameter('echo', 'not together with logprobs: those of a prompt are not computed')
  checkBias(request.logit_bias, bounds)
  for (const one of prompts) checkPrompt('prompt', one, bounds)
  const tools = request.is_chat ? toolOptions(request) : {}
  return prompts.map((one) => ({
    prompt: typeof one === 'string' ? { prompt: one } : { tokens: one },
    options: {
      ...optionsOf(request),
      truncation: cutOf(request),
      logprobs: request.logprobs ?? undefined,
      // As vLLM has it, null is no limit but the context's.
      maxTokens: request.max_tokens === null ? undefined : (request.max_tokens ?? defaultMaxTokens),
      generated: generated ?? undefined,
      isChat: request.is_chat ?? undefined,
      ...tools,
    },
    keptTokens: keptTokens(request),
  }))
}

/** What is read of a text's prompt. */
export const promptRequest = ({ prompt, options }: RequestedText): PromptRequest => ({
  ...prompt,
  truncation: options.truncation,
  maxTokens: options.maxTokens,
})

/** The text with its prompt as it was read. */
export const withPrompt = (
  { options, keptTokens: keep }: Pick<RequestedText, 'options' | 'keptTokens'>,
  { tokens, droppedMessages }: ReadPrompt,
): PreparedText => ({
  request: {
    ...options,
    // Tokens have no turns.
    truncation: options.truncation === 'auto' ? undefined : options.truncation,
    tokens: keep === undefined ? tokens : tokens.slice(-keep),
  },
  droppedMessages,
})

/** The API's four forms of a prompt: one or several, as text or as tokens. */
export function promptsOf(prompt: CompletionRequest['prompt']): readonly (string | readonly number[])[] {
  if (typeof prompt === 'string') return [prompt]
  const texts = prompt.filter((part) => typeof part === 'string')
  if (texts.length > 0) return texts
  const sequences = prompt.filter((part) => Array.isArray(part))
  if (sequences.length > 0) return sequences
  const tokens = prompt.filter((part) => typeof part === 'number')
  return tokens.length > 0 ? [tokens] : []
}

type Truncated = Pick<ChatRequest, 'truncate_prompt_tokens'>

const keptTokens = ({ truncate_prompt_tokens: keep }: Truncated) => (keep && keep > 0 ? keep : undefined)

const cutOf = ({ truncate_prompt_tokens: keep }: Truncated) => (keep === -1 ? 'start' : undefined)

type GenerationOptions = Sampling &
  Pick<
    TextRequest,
    | 'stop'
    | 'ignoreStopTokens'
    | 'maxTokens'
    | 'truncation'
    | 'generated'
    | 'isChat'
    | 'format'
    | 'tools'
    | 'toolChoice'
    | 'parallelToolCalls'
  >

/** The fields of all requests for text that choose tokens. */
type SamplingFields = Pick<
  CompletionRequest,
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'min_p'
  | 'repetition_penalty'
  | 'presence_penalty'
  | 'frequency_penalty'
  | 'logit_bias'
  | 'seed'
  | 'stop'
  | 'ignore_eos'
> &
  FormatFields

/** @throws SpillwayError As `requestFormat`. */
export const optionsOf = (request: SamplingFields): GenerationOptions => ({
  // Of a share of nothing, the most likely token is left.
  temperature: request.top_p === 0 ? 0 : (request.temperature ?? undefined),
  topK: request.top_k && request.top_k > 0 ? request.top_k : undefined,
  topP: request.top_p || undefined,
  minP: request.min_p ?? undefined,
  repetitionPenalty: request.repetition_penalty ?? undefined,
  presencePenalty: request.presence_penalty ?? undefined,
  frequencyPenalty: request.frequency_penalty ?? undefined,
  logitBias: request.logit_bias ?? undefined,
  seed: request.seed ?? undefined,
  stop: request.stop ?? undefined,
  ignoreStopTokens: request.ignore_eos ?? undefined,
  format: requestFormat(request),
})
