import { SpillwayError } from '../../../models/core/index.ts'
import type { WireResponseItem } from '../../../models/protocols/openai-responses.ts'
import {
  checkBody,
  checkStreamOptions,
  type RequestKind,
  type RequestOf,
} from '../../../workers/host/text/openai/check-body.ts'
import { checkPrompt } from '../../../workers/host/text/openai/prompt-bounds.ts'
import { checkJson, type JsonLimits } from '../../http/check-json.ts'
import type { RequestLimits } from '../../request-limits.ts'
import { type ForwardedRequest, readForwarded } from '../../upstream/openai/forwarded-request.ts'

/** Bounds of every request for text. */
export interface TextBounds {
  /** The longest context of all models. */
  readonly maxTokens: number
  /** The models that other engines run, by their ids here, with their names there. */
  readonly forwarded: Readonly<Record<string, string>>
  readonly json: RequestLimits['json']
}

/** Lists of tokens are as long as their body; nothing else is. */
const limitsOf = ({ depth, entries }: RequestLimits['json']): JsonLimits => ({
  depth,
  keys: entries,
  entries,
  lists: 2 * entries,
  bulkKeys: ['prompt', 'input'],
})

/**
 * Parses and checks the body of a request. One for a model that another engine runs is checked as far as this server acts
 * on it. A prompt that is too long for every model is cut or refused here, so that it
 * is not copied from one thread to another.
 *
 * @throws SpillwayError `request_malformed`, `not_supported` or `context_exceeded`, which name the parameter.
 */
export function parseRequest<K extends RequestKind>(
  kind: K,
  body: Uint8Array,
  { maxTokens, forwarded, json }: TextBounds,
): RequestOf[K] | ForwardedRequest {
  checkJson(body, limitsOf(json))
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    value = JSON.parse(text)
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', 'The request is not JSON')
  }
  if (kind !== 'embedding') checkStreamOptions(Object(value))
  const { model }: { model?: unknown } = Object(value)
  if (typeof model === 'string' && Object.hasOwn(forwarded, model))
    return readForwarded(kind, text, Object(value), forwarded[model] ?? model)
  const request = checkBody(kind, value)
  checkTexts(request, maxTokens)
  return withBoundedTokens(request, maxTokens)
}

/** Refuses a text that is too long for every model, unless it may be left out. */
function checkTexts(request: RequestOf[RequestKind], maxTokens: number): void {
  if ('truncation' in request && request.truncation === 'auto') return
  const bounds = { context: maxTokens }
  if ('messages' in request) {
    const check = (text: string) => checkPrompt('messages', text, bounds)
    for (const { content } of request.messages) {
      if (typeof content === 'string') check(content)
      else for (const { text } of content ?? []) check(text)
    }
    return
  }
  const [param, texts] =
    'prompt' in request ? (['prompt', request.prompt] as const) : (['input', request.input] as const)
  for (const text of typeof texts === 'string' ? [texts] : texts)
    for (const part of textsIn(text)) checkPrompt(param, part, bounds)
}

/** The texts of one text, list of tokens or item of a response's input. */
function textsIn(one: string | number | readonly number[] | WireResponseItem): readonly string[] {
  if (typeof one === 'string') return [one]
  if (typeof one === 'number' || !('content' in one)) return []
  const { content } = one
  return typeof content === 'string' ? [content] : (content ?? []).flatMap(({ text }) => text ?? [])
}

function withBoundedTokens<T extends RequestOf[RequestKind]>(request: T, maxTokens: number): T {
  const isCut = 'truncate_prompt_tokens' in request && request.truncate_prompt_tokens != null
  const bound = (param: string, texts: unknown) => {
    if (!Array.isArray(texts)) return texts
    const cut = (tokens: readonly unknown[]) => {
      if (tokens.length <= maxTokens || typeof tokens[0] !== 'number') return tokens
      // Its beginning is cut off in any case.
      if (isCut) return tokens.slice(-maxTokens)
      throw new SpillwayError('context_exceeded', 'The list of tokens is too long for every model', {
        expected: `at most ${maxTokens} tokens`,
        got: `${tokens.length}`,
        param,
      })
    }
    return typeof texts[0] === 'number'
      ? cut(texts)
      : texts.map((one) => (Array.isArray(one) ? cut(one) : one))
  }
  if ('prompt' in request) return { ...request, prompt: bound('prompt', request.prompt) }
  if ('input' in request) return { ...request, input: bound('input', request.input) }
  return request
}
