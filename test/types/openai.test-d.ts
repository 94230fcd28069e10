/** `runtime.openai` beside the `openai` package: code that is written for one compiles against the other. */
import type OpenAI from 'openai'
import { assertType, expectTypeOf } from 'vitest'
import type {
  OpenAiChatChunk,
  OpenAiChatCompletion,
  OpenAiClient,
  OpenAiCompletion,
  OpenAiEmbeddings,
  OpenAiResponse,
  OpenAiResponseEvent,
  OpenAiStream,
} from '../../web/api/index.ts'

declare const client: OpenAiClient
declare const messages: OpenAI.ChatCompletionMessageParam[]
declare const request: OpenAI.ChatCompletionCreateParamsNonStreaming
declare const streamed: OpenAI.ChatCompletionCreateParamsStreaming
declare const either: OpenAI.ChatCompletionCreateParams
declare const embedded: OpenAI.EmbeddingCreateParams
declare const completion: OpenAI.CompletionCreateParamsNonStreaming
/** The package's types of these requests leave even these out. */
interface Needed {
  model: string
  input: string | OpenAI.Responses.ResponseInput
}
declare const input: OpenAI.Responses.ResponseCreateParamsNonStreaming & Needed
declare const items: OpenAI.Responses.ResponseInput

// The requests of the package.

expectTypeOf(client.chat.completions.create(request)).resolves.toEqualTypeOf<OpenAiChatCompletion>()
expectTypeOf(client.chat.completions.create(streamed)).resolves.toEqualTypeOf<OpenAiStream<OpenAiChatChunk>>()
expectTypeOf(client.chat.completions.create(either)).resolves.toEqualTypeOf<
  OpenAiChatCompletion | OpenAiStream<OpenAiChatChunk>
>()
expectTypeOf(client.completions.create(completion)).resolves.toEqualTypeOf<OpenAiCompletion>()
expectTypeOf(client.embeddings.create(embedded)).resolves.toEqualTypeOf<OpenAiEmbeddings>()
expectTypeOf(client.responses.create(input)).resolves.toEqualTypeOf<OpenAiResponse>()
expectTypeOf(client.responses.create({ model: 'bard', input: items, stream: true })).resolves.toEqualTypeOf<
  OpenAiStream<OpenAiResponseEvent>
>()
client.chat.completions.create({ model: 'bard', messages, stream: true, user: 'u', tools: [] })
client.chat.completions.create({ model: 'bard', messages: [{ role: 'user', content: 'Once' }], top_k: 40 })
client.chat.completions.create(request, {
  signal: new AbortController().signal,
  timeout: 200,
  policy: 'device',
})
client.chat.completions.create({ model: 'bard', messages, truncation: 'auto' })
// @ts-expect-error A prompt has no turns.
client.completions.create({ model: 'bard', prompt: 'Once', truncation: 'auto' })
// @ts-expect-error A misspelled field.
client.chat.completions.create({ model: 'bard', messages, max_token: 4 })
// @ts-expect-error A request says which model.
client.chat.completions.create({ messages })
// @ts-expect-error A field of chats.
client.responses.create({ model: 'bard', input: 'Once', max_tokens: 4 })
// @ts-expect-error An option that does not exist.
client.chat.completions.create(request, { timeoutMs: 200 })

// The answers of the package.

declare const answer: OpenAiChatCompletion
declare const chunk: OpenAiChatChunk
declare const text: OpenAiCompletion
declare const vectors: OpenAiEmbeddings
declare const response: OpenAiResponse
declare const event: OpenAiResponseEvent
assertType<OpenAI.ChatCompletion>(answer)
assertType<OpenAI.ChatCompletionChunk>(chunk)
assertType<OpenAI.Completion>(text)
assertType<OpenAI.CreateEmbeddingResponse>(vectors)
assertType<OpenAI.Responses.Response>(response)
assertType<OpenAI.Responses.ResponseStreamEvent>(event)

/** What code uses of either client: the package's answers are promises with methods of their own. */
interface EitherClient {
  readonly chat: {
    readonly completions: {
      create(
        request: OpenAI.ChatCompletionCreateParamsStreaming,
        options?: { signal?: AbortSignal; timeout?: number },
      ): PromiseLike<AsyncIterable<OpenAI.ChatCompletionChunk> & { controller: AbortController }>
      create(
        request: OpenAI.ChatCompletionCreateParamsNonStreaming,
        options?: { signal?: AbortSignal; timeout?: number },
      ): PromiseLike<OpenAI.ChatCompletion>
    }
  }
  readonly completions: {
    create(request: OpenAI.CompletionCreateParamsNonStreaming): PromiseLike<OpenAI.Completion>
  }
  readonly responses: {
    create(
      request: OpenAI.Responses.ResponseCreateParamsStreaming & Needed,
      options?: { signal?: AbortSignal; timeout?: number },
    ): PromiseLike<AsyncIterable<OpenAI.Responses.ResponseStreamEvent> & { controller: AbortController }>
    create(
      request: OpenAI.Responses.ResponseCreateParamsNonStreaming & Needed,
      options?: { signal?: AbortSignal; timeout?: number },
    ): PromiseLike<OpenAI.Responses.Response>
  }
  readonly embeddings: {
    create(request: OpenAI.EmbeddingCreateParams): PromiseLike<OpenAI.CreateEmbeddingResponse>
  }
}
declare const theirs: OpenAI
assertType<EitherClient>(theirs)
assertType<EitherClient>(client)

export async function readsAStream(either: EitherClient): Promise<void> {
  const stream = await either.chat.completions.create({ model: 'bard', messages, stream: true })
  for await (const { choices } of stream)
    expectTypeOf(choices[0]?.delta.content).toExtend<string | null | undefined>()
  stream.controller.abort()
}

export async function readsAResponse(either: EitherClient): Promise<void> {
  for await (const event of await either.responses.create({ model: 'bard', input: 'Once', stream: true }))
    if (event.type === 'response.output_text.delta') expectTypeOf(event.delta).toEqualTypeOf<string>()
  for await (const event of await client.responses.create({ model: 'bard', input: 'Once', stream: true })) {
    if (event.type === 'response.output_text.delta') expectTypeOf(event.delta).toEqualTypeOf<string>()
    if (event.type === 'response.completed') expectTypeOf(event.response).toEqualTypeOf<OpenAiResponse>()
  }
}
