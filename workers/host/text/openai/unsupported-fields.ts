import { SpillwayError } from '../../../../models/core/index.ts'
import { showValue } from '../../../../models/core/wording.ts'

/** The value of a field with which the answer is the same as without it. Null and absent always are. */
type Harmless = (value: unknown, request: Fields) => boolean

const never: Harmless = () => false
const oneOf =
  (...values: readonly unknown[]): Harmless =>
  (value) =>
    values.includes(value)
const emptyList: Harmless = (value) => Array.isArray(value) && value.length === 0
const textOnly: Harmless = (value) => Array.isArray(value) && value.every((one) => one === 'text')
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const textFormat: Harmless = (value) => isObject(value) && value.type === 'text'

/** Fields of vLLM that choose other tokens or form another text. */
const vllm: Readonly<Record<string, Harmless>> = {
  allowed_token_ids: never,
  bad_words: emptyList,
  include_stop_str_in_output: oneOf(false),
  length_penalty: oneOf(1),
  logits_processors: emptyList,
  min_tokens: oneOf(0),
  prompt_logprobs: never,
  skip_special_tokens: oneOf(true),
  stop_token_ids: emptyList,
  use_beam_search: oneOf(false),
}

/**
 * Fields of the APIs that change the answer and that Spillway does not have yet. A request with one of them is
 * refused, because an answer that passes it over looks right and is not. Fields that change no answer (`user`,
 * `metadata` and the like) are not listed, and ignored.
 */
const unsupported = {
  chat: {
    ...vllm,
    functions: (value, request) => emptyList(value, request) || request.function_call === 'none',
    function_call: oneOf('none', 'auto'),
    modalities: textOnly,
    audio: never,
    prediction: never,
    verbosity: oneOf('medium'),
    web_search_options: never,
    // Fields of completions. Clients send them to chats, too.
    best_of: (value, { n }) => value === (n ?? 1),
    suffix: oneOf(''),
    add_generation_prompt: oneOf(true),
    add_special_tokens: oneOf(false),
    chat_template: never,
    continue_final_message: oneOf(false),
    documents: emptyList,
    echo: oneOf(false),
  },
  completion: {
    ...vllm,
    add_special_tokens: oneOf(true),
    best_of: (value, { n }) => value === (n ?? 1),
    suffix: oneOf(''),
    // A field of chats. Completions have the number in `logprobs`.
    top_logprobs: oneOf(0),
    // A prompt has no turns.
    truncation: oneOf('disabled'),
  },
  /** Of what keeps a response or runs it elsewhere, a server without storage has nothing. */
  response: {
    ...vllm,
    background: oneOf(false),
    conversation: never,
    context_management: emptyList,
    include: (value) => Array.isArray(value) && !value.includes('message.output_text.logprobs'),
    moderation: never,
    previous_response_id: never,
    prompt: never,
    store: oneOf(false),
    text: (value) => isObject(value) && oneOf(undefined, null, 'medium')(value.verbosity, value),
    top_logprobs: oneOf(0),
    // Fields of chats and completions.
    functions: emptyList,
    logprobs: oneOf(false),
    max_completion_tokens: never,
    max_tokens: never,
    messages: never,
    n: oneOf(1),
    response_format: textFormat,
    truncate_prompt_tokens: never,
  },
  embedding: {
    add_special_tokens: oneOf(true),
    normalize: never,
    truncate_prompt_tokens: never,
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Harmless>>>>

/** The same for the messages of a chat. */
const unsupportedInMessage: Readonly<Record<string, Harmless>> = {
  audio: never,
  function_call: never,
  refusal: oneOf(''),
  // Mistral, DeepSeek: the answer continues this message.
  prefix: oneOf(false),
}

export type RequestKind = keyof typeof unsupported

type Fields = Readonly<Record<string, unknown>>

/** @throws SpillwayError `not_supported`, which names the field. */
export function refuseUnsupportedFields(kind: RequestKind, request: Fields): void {
  refuse(unsupported[kind], request, '')
  if (kind !== 'chat' || !Array.isArray(request.messages)) return
  for (const [index, message] of request.messages.entries())
    refuse(unsupportedInMessage, message, `messages[${index}].`)
}

function refuse(fields: Readonly<Record<string, Harmless>>, request: Fields, path: string): void {
  for (const [name, isHarmless] of Object.entries(fields)) {
    const value = request[name]
    if (value === undefined || value === null || isHarmless(value, request)) continue
    const param = path + name
    throw new SpillwayError('not_supported', `Spillway does not support "${param}" in a request`, {
      got: showValue(value),
      hint: 'Leave the field out.',
      param,
    })
  }
}
