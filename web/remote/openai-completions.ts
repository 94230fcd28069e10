import * as z from 'zod/mini'
import type { Clock } from '../../models/async/clock.ts'
import { type Backend, backends, schemaError } from '../../models/core/index.ts'
import type { TextFormat } from '../../models/core/text-format.ts'
import {
  type ChatRequest,
  type CompletionRequest,
  chatChunk,
  completionChunk,
  tokenOfIdName,
  type WireTool,
  type WireToolCallDelta,
  type WireUsage,
} from '../../models/protocols/openai.ts'
import { CallCollector } from '../../workers/host/text/openai/call-deltas.ts'
import type { Piece, TextRequest, ToolDefinition, Usage } from '../../workers/host/text/types.ts'
import type { FinishReason, TokenLogprob } from '../../workers/protocol/generation.ts'
import { streamEvents } from './event-stream.ts'
import type { RequestHeaders } from './request-headers.ts'

/** A part of a text that a server generates, and what the server reports with it. */
export interface RemotePiece extends Piece {
  /** The prompt as tokens, where the server reports them: another place can continue the text from them. */
  readonly promptTokens?: readonly number[] | undefined
  /** With its first piece: as of `GenerateResult`. */
  readonly droppedMessages?: number | undefined
  readonly executedOn?: { readonly backend: Backend | 'unknown'; readonly variant: string } | undefined
  readonly finish?: FinishReason | undefined
  readonly usage?: Usage | undefined
}

/** The model that a server writes with. */
export interface RemoteModel {
  /** Its name at the server, `model:adapter` with an adapter. */
  readonly model: string
  /** Tokens of the longest text; undefined where only the server knows. */
  readonly context: number | undefined
}

export interface CompleteOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Bounds each silence in the stream. */
  readonly silenceMs: number
  /** Milliseconds that the text has left. */
  readonly deadlineMs?: number | undefined
  readonly pageHeaders?: RequestHeaders | undefined
  /** The variant that began the text elsewhere. */
  readonly preferredVariant?: string | undefined
}

/**
 * Generates or continues a text on any server that speaks the OpenAI API. Leaving the loop ends the request.
 *
 * @throws SpillwayError As `streamEvents`.
 */
export async function* complete(
  server: URL,
  model: RemoteModel,
  request: TextRequest,
  options: CompleteOptions,
): AsyncGenerator<RemotePiece> {
  const chat = request.messages !== undefined
  const url = new URL(chat ? 'v1/chat/completions' : 'v1/completions', server)
  const { preferredVariant: preferred_variant } = options
  const body = {
    ...(chat ? chatBody(model, request) : completionBody(model, request)),
    preferred_variant,
  }
  const read = chat ? readChat : readCompletion
  const calls = new CallCollector()
  for await (const event of streamEvents(url, { ...options, body })) {
    const { deltas, ...piece } = read(url, event)
    // Its last call is complete with the reason why the text ended, which may be in the same event.
    const completed = [...calls.add(deltas), ...(piece.finish ? calls.end() : [])]
    yield completed.length > 0 ? { ...piece, toolCalls: completed } : piece
  }
}

/** A part of a text as it comes: calls of tools may be in several events. */
interface ReadPiece extends RemotePiece {
  readonly deltas: readonly WireToolCallDelta[]
}

type Common = Omit<CompletionRequest, 'prompt' | 'max_tokens' | 'logprobs' | 'echo'>

const common = (model: string, request: TextRequest): Common => ({
  model,
  stream: true,
  stream_options: { include_usage: true },
  return_token_ids: true,
  return_tokens_as_token_ids: request.logprobs === undefined ? undefined : true,
  temperature: request.temperature,
  top_p: request.topP,
  top_k: request.topK,
  min_p: request.minP,
  repetition_penalty: request.repetitionPenalty,
  presence_penalty: request.presencePenalty,
  frequency_penalty: request.frequencyPenalty,
  logit_bias: request.logitBias,
  seed: request.seed,
  stop: typeof request.stop === 'string' ? request.stop : request.stop && [...request.stop],
  ignore_eos: request.ignoreStopTokens,
  ...formatFields(request.format),
  truncate_prompt_tokens: request.truncation === 'start' ? -1 : undefined,
  ...(request.tools && { tools: Object.entries(request.tools).map(wireToolOf) }),
  tool_choice: choiceOf(request.toolChoice),
  parallel_tool_calls: request.parallelToolCalls,
})

const choiceOf = (choice: TextRequest['toolChoice']) =>
  typeof choice === 'object' ? { type: 'function', function: choice } : choice

const wireToolOf = ([name, { description, parameters, strict }]: [string, ToolDefinition]): WireTool => ({
  type: 'function',
  function: { name, description, parameters, strict },
})

/** As OpenAI has it where it does, else as vLLM. */
function formatFields(
  format: TextFormat | undefined,
): Pick<Common, 'response_format' | 'structured_outputs'> {
  if (format?.type === 'json_object') return { response_format: format }
  if (format?.type === 'json_schema') {
    const { type, schema } = format
    return { response_format: { type, json_schema: { name: 'answer', strict: true, schema } } }
  }
  if (!format) return {}
  const { type, ...form } = format
  return { structured_outputs: form }
}

function chatBody({ model }: RemoteModel, request: TextRequest): ChatRequest {
  const { messages = [], logprobs, maxTokens } = request
  return {
    ...common(model, request),
    messages: messages.map(({ tool_calls: calls, ...message }) => ({
      ...message,
      ...(calls ? { tool_calls: [...calls] } : {}),
    })),
    max_completion_tokens: maxTokens,
    truncation: request.truncation === 'auto' ? 'auto' : undefined,
    chat_template_kwargs: request.templateArguments && { ...request.templateArguments },
    logprobs: logprobs === undefined ? undefined : true,
    top_logprobs: logprobs,
  }
}

function completionBody({ model, context }: RemoteModel, request: TextRequest): CompletionRequest {
  const { prompt, tokens, generated, logprobs, maxTokens } = request
  return {
    ...common(model, request),
    prompt: prompt ?? [...(tokens ?? [])],
    generated_tokens: generated,
    is_chat: request.isChat,
    // The API's own default is 16 tokens; null is vLLM's way to say as many as the context holds.
    max_tokens: maxTokens ?? context ?? null,
    logprobs,
  }
}

function readCompletion(url: URL, event: unknown): ReadPiece {
  const parsed = z.safeParse(completionChunk, event)
  if (!parsed.success) throw invalid(url, parsed.error, event)
  const { choices, system_fingerprint, usage } = parsed.data
  const [choice] = choices
  const { token_logprobs, top_logprobs } = choice?.logprobs ?? {}
  return {
    text: choice?.text ?? '',
    reasoning: choice?.reasoning_content ?? undefined,
    deltas: choice?.tool_calls ?? [],
    tokens: (choice?.token_ids ?? []).map((token, index) => ({
      token,
      logprob: token_logprobs?.[index] ?? undefined,
      top: topOf(Object.entries(top_logprobs?.[index] ?? {})),
    })),
    promptTokens: choice?.prompt_token_ids ?? undefined,
    executedOn: executorFrom(system_fingerprint),
    finish: finishOf(choice?.finish_reason),
    usage: usage ? usageOf(usage) : undefined,
  }
}

function readChat(url: URL, event: unknown): ReadPiece {
  const parsed = z.safeParse(chatChunk, event)
  if (!parsed.success) throw invalid(url, parsed.error, event)
  const { choices, system_fingerprint, usage, prompt_token_ids, dropped_messages } = parsed.data
  const [choice] = choices
  const logprobs = choice?.logprobs?.content
  return {
    text: choice?.delta.content ?? '',
    reasoning: choice?.delta.reasoning_content ?? choice?.delta.reasoning ?? undefined,
    deltas: choice?.delta.tool_calls ?? [],
    tokens: (choice?.token_ids ?? []).map((token, index) => ({
      token,
      logprob: logprobs?.[index]?.logprob,
      top: topOf((logprobs?.[index]?.top_logprobs ?? []).map(({ token, logprob }) => [token, logprob])),
    })),
    promptTokens: prompt_token_ids ?? undefined,
    droppedMessages: dropped_messages ?? undefined,
    executedOn: executorFrom(system_fingerprint),
    finish: finishOf(choice?.finish_reason),
    usage: usage ? usageOf(usage) : undefined,
  }
}

/** The entries that name a token by its id. A token's text alone does not say which token it is. */
function topOf(
  entries: readonly (readonly [name: string, logprob: number])[],
): readonly TokenLogprob[] | undefined {
  const top = entries.flatMap(([name, logprob]) => {
    const token = tokenOfIdName(name)
    return token === undefined ? [] : [{ token, logprob }]
  })
  return top.length === 0 ? undefined : top
}

const usageOf = ({
  prompt_tokens,
  completion_tokens,
  prompt_tokens_details,
  completion_tokens_details,
}: WireUsage): Usage => ({
  promptTokens: prompt_tokens,
  generatedTokens: completion_tokens ?? 0,
  cachedTokens: prompt_tokens_details?.cached_tokens ?? 0,
  reasoningTokens: completion_tokens_details?.reasoning_tokens ?? 0,
})

/** A Spillway server puts its variant and backend there; other servers mean something else by it. */
function executorFrom(fingerprint: string | null | undefined): RemotePiece['executedOn'] {
  const [variant, name] = fingerprint?.split('/') ?? []
  const backend = backends.find((known) => known === name)
  return variant !== undefined && backend ? { backend, variant } : undefined
}

/** Other reasons, such as a content filter, count as `stop`. */
const finishOf = (reason: string | null | undefined): FinishReason | undefined =>
  reason == null ? undefined : reason === 'length' ? 'length' : 'stop'

const invalid = (url: URL, error: z.core.$ZodError, event: unknown) =>
  schemaError('server_response_invalid', `An event from ${url.origin}`, error, event)
