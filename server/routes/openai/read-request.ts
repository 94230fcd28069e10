import type { Context } from 'hono'
import * as z from 'zod/mini'
import { SpillwayError, schemaFault } from '../../../models/core/index.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import type { ChatRequest, CompletionRequest } from '../../../models/protocols/openai.ts'
import { promptTokensOf } from '../../../workers/host/text/tokenizer/prompt.ts'
import type { TextRequest, Tokenizer } from '../../../workers/host/text/types.ts'
import { checkJson, type JsonLimits } from '../../http/check-json.ts'
import { readBody } from '../../http/read-body.ts'
import { textsOf, toChatMessage } from './chat-message.ts'
import { invalidParameter } from './invalid-parameter.ts'
import { checkPrompt, type PromptBounds } from './prompt-bounds.ts'
import { type RequestKind, refuseUnsupportedFields } from './unsupported-fields.ts'

/** Lists of tokens are as long as their body; nothing else is. */
const jsonLimits: JsonLimits = {
  depth: 64,
  keys: 50_000,
  entries: 50_000,
  lists: 100_000,
  bulkKeys: ['prompt', 'input'],
}

/**
 * @throws SpillwayError `request_malformed` or `not_supported`, which name the parameter; else as `readBody`.
 */
export async function readRequest<T extends z.ZodMiniType>(
  c: Context,
  maxBytes: number,
  kind: RequestKind,
  schema: T,
): Promise<z.infer<T>> {
  const body = await readBody(c, maxBytes)
  checkJson(body, jsonLimits)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(body))
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', 'The request is not JSON')
  }
  const parsed = z.safeParse(schema, value)
  if (parsed.success) {
    refuseUnsupportedFields(kind, Object(value))
    return parsed.data
  }
  const { path, expected, got } = schemaFault(parsed.error, value)
  throw invalidParameter(path, expected, got)
}

export type TokensRequest = TextRequest & { readonly tokens: readonly number[] }

export function toTextRequest(
  request: ChatRequest,
  tokenizer: Tokenizer,
  bounds: PromptBounds,
): TokensRequest {
  const messages = request.messages.map((message, index) => toChatMessage(message, `messages[${index}]`))
  checkPrompt('messages', messages.flatMap(textsOf).join(''), bounds)
  const templateArguments = request.chat_template_kwargs ?? undefined
  return {
    ...optionsOf(request),
    ...truncatedPrompt(request, promptTokensOf({ messages }, tokenizer, templateArguments)),
    logprobs: request.logprobs ? (request.top_logprobs ?? 0) : undefined,
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
  }
}

/** The default of `max_tokens` for a completion in OpenAI's API and vLLM. */
const defaultMaxTokens = 16

/** One request for each prompt. */
export function toTextRequests(
  request: CompletionRequest,
  tokenizer: Tokenizer,
  bounds: PromptBounds,
): TokensRequest[] {
  const { prompt, generated_tokens: generated } = request
  const prompts = promptsOf(prompt)
  if (prompts.length === 0) throw invalidParameter('prompt', 'at least one prompt')
  if (generated && prompts.some((one) => typeof one === 'string'))
    throw invalidParameter('generated_tokens', 'a prompt of tokens')
  if (request.echo && request.logprobs != null)
    throw invalidParameter('echo', 'not together with logprobs: those of a prompt are not computed')
  for (const one of prompts) checkPrompt('prompt', one, bounds)
  return prompts.map((one) => {
    const tokens = typeof one === 'string' ? promptTokensOf({ prompt: one }, tokenizer) : one
    return {
      ...optionsOf(request),
      ...truncatedPrompt(request, tokens),
      logprobs: request.logprobs ?? undefined,
      maxTokens: request.max_tokens ?? defaultMaxTokens,
      generated: generated ?? undefined,
    }
  })
}

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

function truncatedPrompt(
  { truncate_prompt_tokens: keep }: ChatRequest | CompletionRequest,
  tokens: readonly number[],
) {
  return {
    tokens: keep && keep > 0 ? tokens.slice(-keep) : tokens,
    truncate: keep === -1 ? ('start' as const) : undefined,
  }
}

type GenerationOptions = Sampling & Pick<TextRequest, 'stop' | 'ignoreStopTokens'>

const optionsOf = (request: ChatRequest | CompletionRequest): GenerationOptions => ({
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
})
