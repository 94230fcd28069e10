import * as z from 'zod/mini'
import { schemaFault } from '../../../models/core/index.ts'
import { invalidParameter } from '../../../workers/host/text/openai/invalid-parameter.ts'
import { replaceMembers } from '../../http/json-members.ts'
import { promptStartOf } from './prompt-start.ts'

/** A request of the OpenAI API for a model that another engine runs, and what is known of it here. */
export interface ForwardedRequest {
  readonly isForwarded: true
  /** The model's id on this server. */
  readonly model: string
  readonly stream: boolean
  /** Whether the client has asked for the usage of a stream. The engine is asked for it in any case. */
  readonly includeUsage: boolean
  /** Texts that it asks for, or that it embeds. */
  readonly texts: number
  /** About how many tokens its prompts have. */
  readonly promptTokens: number
  /** The same for requests whose prompts begin the same. */
  readonly affinity: string
  /** The body for the engine. */
  readonly body: string
}

/** Where an engine is asked. */
export type EnginePath = 'chat/completions' | 'completions' | 'responses' | 'embeddings'

export const isForwarded = (request: object): request is ForwardedRequest => 'isForwarded' in request

const nullish = <T extends z.core.SomeType>(schema: T) => z.optional(z.nullable(schema))
const count = nullish(z.int().check(z.positive()))

/** The fields that this server acts on. The engine checks the others. */
const schema = z.object({
  model: z.string(),
  n: count,
  best_of: count,
  stream: nullish(z.boolean()),
  stream_options: nullish(z.looseObject({ include_usage: nullish(z.boolean()) })),
})

/** How a request that is passed on asks for its texts. */
export type ForwardedKind = 'chat' | 'completion' | 'response' | 'embedding'

/**
 * Reads a request that is passed on. Fields that this server does not act on stay as they are written.
 *
 * @param json The body, which `value` was parsed from.
 * @param engineModel The model's name at the engine.
 * @throws SpillwayError `request_malformed`.
 */
export function readForwarded(
  kind: ForwardedKind,
  json: string,
  value: object,
  engineModel: string,
): ForwardedRequest {
  const parsed = z.safeParse(schema, value)
  if (!parsed.success) {
    const { path, expected, got } = schemaFault(parsed.error, value)
    throw invalidParameter(path, expected, got)
  }
  const { model, n, best_of: best, stream, stream_options: options } = parsed.data
  const fields: Readonly<Record<string, unknown>> = { ...value }
  const text = fields.prompt ?? fields.input
  const isResponse = kind === 'response'
  return {
    isForwarded: true,
    model,
    stream: stream === true,
    // A response has its usage in any case.
    includeUsage: isResponse || options?.include_usage === true,
    texts: isResponse ? 1 : promptsIn(text) * Math.max(n ?? 1, best ?? 1),
    promptTokens: Math.ceil(lengthOf(fields.messages ?? text)),
    affinity: promptStartOf(fields),
    body: replaceMembers(json, {
      model: JSON.stringify(engineModel),
      // The tokens count for the caller's limits, however the answer is sent.
      ...(stream && !isResponse
        ? { stream_options: JSON.stringify({ ...options, include_usage: true }) }
        : {}),
    }),
  }
}

/** One or several prompts, as text or as tokens. */
const promptsIn = (text: unknown): number =>
  Array.isArray(text) && typeof text[0] !== 'number' ? Math.max(1, text.length) : 1

/** About how many tokens a text, a list of tokens, or messages have. */
function lengthOf(text: unknown): number {
  if (typeof text === 'string') return text.length / charactersPerToken
  if (typeof text === 'number') return 1
  if (Array.isArray(text)) return text.reduce((sum: number, part) => sum + lengthOf(part), 0)
  const { content, text: part }: { content?: unknown; text?: unknown } = Object(text)
  return content === undefined && part === undefined ? 0 : lengthOf(content ?? part)
}

const charactersPerToken = 4

/**
 * Fields of vLLM and of Spillway that pages send and can do without. Engines without them pass them over, and hosted APIs
 * refuse them.
 */
const optionalFields = {
  return_token_ids: undefined,
  return_tokens_as_token_ids: undefined,
  preferred_variant: undefined,
  generated_tokens: undefined,
}

/** Of chats also a field that only responses have in OpenAI's API: without it, a chat that is too long is an error. */
const optionalFieldsOf = (path: EnginePath) =>
  path === 'chat/completions' ? { ...optionalFields, truncation: undefined } : optionalFields

/** Whether an engine's refusal names one of the optional fields. */
export const namesOptionalField = (message: string, path: EnginePath): boolean =>
  Object.keys(optionalFieldsOf(path)).some((name) => message.includes(name))

/** The request's body without its optional fields. */
export const withoutOptionalFields = (body: string, path: EnginePath): string =>
  replaceMembers(body, optionalFieldsOf(path))
