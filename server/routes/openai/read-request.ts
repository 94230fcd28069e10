import type { Context } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import type { ChatRequest, CompletionRequest } from '../../../models/protocols/openai.ts'
import type { Prompt, TemplateArguments, TextRequest } from '../../../workers/host/text/types.ts'
import { turnOptions } from '../../auth/turn-options.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import { readBody } from '../../http/read-body.ts'
import type { Variables } from '../../http/request-log.ts'
import { readRequestTimeout } from '../../http/request-timeout.ts'
import { textsOf } from '../../inference/prompt-length.ts'
import type { RequestWait } from '../../inference/request-wait.ts'
import { jobOf } from '../../offload/job-of.ts'
import type { Offload } from '../../offload/offload.ts'
import type { ForwardedRequest } from '../../upstream/openai/forwarded-request.ts'
import { toChatMessage } from './chat-message.ts'
import { invalidParameter } from './invalid-parameter.ts'
import { parseRequest, type RequestOf, type TextBounds } from './parse-request.ts'
import { checkBias, checkPrompt, type PromptBounds } from './prompt-bounds.ts'
import type { RequestKind } from './unsupported-fields.ts'

/** A shorter body is parsed on the server's own thread: a message would cost more. */
const mostParsedHere = 65_536

export interface ReadOptions {
  readonly maxBodyBytes: number
  readonly bounds: TextBounds
  readonly offload: Offload
  /** Milliseconds that a request may take from its arrival to its answer; its header `Request-Timeout` may shorten them. */
  readonly deadlineMs: number
  readonly clock: Clock
}

/** A request, and how it waits from its arrival on. */
export interface ArrivedRequest<K extends RequestKind> {
  readonly request: RequestOf[K] | ForwardedRequest
  readonly wait: RequestWait
}

/** @throws SpillwayError As `readRequestTimeout`, `readBody`, `parseRequest` and `Offload.run` do. */
export async function readRequest<K extends RequestKind>(
  c: Context<{ Variables: Variables }>,
  { maxBodyBytes, bounds, offload, deadlineMs, clock }: ReadOptions,
  kind: K,
): Promise<ArrivedRequest<K>> {
  const timeoutMs = readRequestTimeout(c) ?? deadlineMs
  const body = await readBody(c, maxBodyBytes)
  const wait = {
    signal: disconnectSignal(c),
    ...turnOptions(c),
    requestId: c.get('requestId'),
    span: c.get('span'),
    askedAt: clock.now(),
    deadlineMs: Math.min(timeoutMs, deadlineMs),
  }
  if (body.length <= mostParsedHere) return { request: parseRequest(kind, body, bounds), wait }
  const task = { kind, body, bounds }
  const request = (await offload.run('readText', task, jobOf(wait, [body]))) as
    | RequestOf[K]
    | ForwardedRequest
  return { request, wait }
}

/** Turns prompts into tokens, off the server's thread where they are long. */
export type Tokenize = (
  prompts: readonly Prompt[],
  templateArguments?: TemplateArguments,
) => Promise<readonly (readonly number[])[]>

export type TokensRequest = TextRequest & { readonly tokens: readonly number[] }

export async function toTextRequest(
  request: ChatRequest,
  tokenize: Tokenize,
  bounds: PromptBounds,
): Promise<TokensRequest> {
  if (request.top_logprobs && !request.logprobs)
    throw invalidParameter('top_logprobs', 'not without logprobs: true', `${request.top_logprobs}`)
  const messages = request.messages.map((message, index) => toChatMessage(message, `messages[${index}]`))
  checkBias(request.logit_bias, bounds)
  checkPrompt('messages', messages.flatMap(textsOf).join(''), bounds)
  const templateArguments = request.chat_template_kwargs ?? undefined
  const [tokens = []] = await tokenize([{ messages }], templateArguments)
  return {
    ...optionsOf(request),
    ...truncatedPrompt(request, tokens),
    logprobs: request.logprobs ? (request.top_logprobs ?? 0) : undefined,
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
  }
}

/** The default of `max_tokens` for a completion in OpenAI's API and vLLM. */
const defaultMaxTokens = 16

/** One request for each prompt. */
export async function toTextRequests(
  request: CompletionRequest,
  tokenize: Tokenize,
  bounds: PromptBounds,
): Promise<TokensRequest[]> {
  const { prompt, generated_tokens: generated } = request
  const prompts = promptsOf(prompt)
  if (prompts.length === 0) throw invalidParameter('prompt', 'at least one prompt')
  if (generated && prompts.some((one) => typeof one === 'string'))
    throw invalidParameter('generated_tokens', 'a prompt of tokens')
  if (request.echo && request.logprobs != null)
    throw invalidParameter('echo', 'not together with logprobs: those of a prompt are not computed')
  checkBias(request.logit_bias, bounds)
  for (const one of prompts) checkPrompt('prompt', one, bounds)
  const tokenized = await tokenize(
    prompts.map((one) => (typeof one === 'string' ? { prompt: one } : { tokens: one })),
  )
  return tokenized.map((tokens) => ({
    ...optionsOf(request),
    ...truncatedPrompt(request, tokens),
    logprobs: request.logprobs ?? undefined,
    // As vLLM has it, null is no limit but the context's.
    maxTokens: request.max_tokens === null ? undefined : (request.max_tokens ?? defaultMaxTokens),
    generated: generated ?? undefined,
  }))
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
>

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
})
