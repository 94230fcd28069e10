/**
 * What servers of the OpenAI API answer, as their documentation and their source have it: vLLM 0.10
 * (entrypoints/openai/protocol.py), llama.cpp (tools/server/README.md), and OpenAI's API reference.
 */
export type Flavour = 'vllm' | 'llama.cpp' | 'openai'

/** The fields of a request that answers depend on. */
export interface AskedText {
  readonly model: string
  readonly n: number
  readonly includeUsage: boolean
  readonly returnsIds: boolean
  readonly isChat: boolean
}

export interface Usage {
  readonly prompt: number
  readonly completion: number
}

const created = 1_760_000_000

const usageOf = ({ prompt, completion }: Usage) => ({
  prompt_tokens: prompt,
  total_tokens: prompt + completion,
  completion_tokens: completion,
})

const common = (flavour: Flavour, { isChat, model }: AskedText, isChunk: boolean) => ({
  id: `${isChat ? 'chatcmpl' : 'cmpl'}-5f1e`,
  object: isChat ? (isChunk ? 'chat.completion.chunk' : 'chat.completion') : 'text_completion',
  created,
  model,
  ...(flavour === 'vllm' ? {} : { system_fingerprint: flavour === 'openai' ? 'fp_44709d6fcb' : 'b6500-abc' }),
})

/** The first event of a chat: it has the role alone. */
export const roleChunk = (
  flavour: Flavour,
  asked: AskedText,
  index: number,
  promptIds: readonly number[],
) => ({
  ...common(flavour, asked, true),
  choices: [{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
  ...(flavour === 'vllm' && asked.returnsIds ? { prompt_token_ids: promptIds } : {}),
  ...(flavour === 'openai' && asked.includeUsage ? { usage: null } : {}),
})

export const textChunk = (
  flavour: Flavour,
  asked: AskedText,
  index: number,
  { text, token, finish = null }: { text: string; token: number; finish?: string | null },
) => ({
  ...common(flavour, asked, true),
  choices: [
    {
      index,
      ...(asked.isChat ? { delta: { content: text } } : { text }),
      logprobs: null,
      finish_reason: finish,
      ...(flavour === 'vllm' && asked.returnsIds ? { token_ids: [token] } : {}),
    },
  ],
  ...(flavour === 'openai' && asked.includeUsage ? { usage: null } : {}),
})

export const usageChunk = (flavour: Flavour, asked: AskedText, usage: Usage) => ({
  ...common(flavour, asked, true),
  choices: [],
  usage: usageOf(usage),
})

export const wholeAnswer = (flavour: Flavour, asked: AskedText, text: string, usage: Usage) => ({
  ...common(flavour, asked, false),
  choices: Array.from({ length: asked.n }, (_, index) => ({
    index,
    ...(asked.isChat ? { message: { role: 'assistant', content: text } } : { text }),
    logprobs: null,
    finish_reason: 'stop',
  })),
  usage: usageOf(usage),
})

export const embeddingsAnswer = (model: string, texts: number) => ({
  id: 'embd-1',
  object: 'list',
  created,
  model,
  data: Array.from({ length: texts }, (_, index) => ({
    index,
    object: 'embedding',
    embedding: [index, 0.1, -1e-7],
  })),
  usage: { prompt_tokens: 3 * texts, total_tokens: 3 * texts, completion_tokens: 0 },
})

export const modelList = (flavour: Flavour, model: string) => ({
  object: 'list',
  data: [{ id: model, object: 'model', created, owned_by: flavour === 'vllm' ? 'vllm' : 'llamacpp' }],
})

/** The error's body for a status. The hosted API's names a part of the key. */
export function errorBodyOf(flavour: Flavour, status: number, message: string): unknown {
  if (flavour === 'llama.cpp')
    return { error: { code: status, message, type: llamaTypes[status] ?? 'server_error' } }
  if (flavour === 'openai')
    return {
      error: { message, type: 'invalid_request_error', param: null, code: openAiCodes[status] ?? null },
    }
  if (status === 401) return { error: 'Unauthorized' }
  return { error: { message, type: vllmTypes[status] ?? 'InternalServerError', param: null, code: status } }
}

const llamaTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  404: 'not_found_error',
  503: 'unavailable_error',
}
const openAiCodes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
}
const vllmTypes: Readonly<Record<number, string>> = { 400: 'BadRequestError', 404: 'NotFoundError' }
