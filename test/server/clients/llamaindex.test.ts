import type { ChatMessage, ToolCallLLMMessageOptions } from '@llamaindex/core/llms'
import { OpenAI, OpenAIEmbedding } from '@llamaindex/openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientServer, startClientServer } from '../../support/client-server.ts'

let server: ClientServer
beforeAll(async () => {
  server = await startClientServer()
})
afterAll(async () => {
  await server?.stop()
})

const common = () => ({ apiKey: 'none', maxRetries: 0, baseURL: server.baseUrl })
const chatModel = (more: object = {}) =>
  new OpenAI({ ...common(), model: 'plain', temperature: 0, maxTokens: 60, ...more })
const user = (content: string): ChatMessage => ({ role: 'user', content })
const refusal = (asking: Promise<unknown>) =>
  asking.then(
    () => expect.fail('answered'),
    (cause) => cause,
  )

test('a stop string ends a text, whole and streamed', async () => {
  const messages = [user('Once upon a time')]
  const full = String((await chatModel().chat({ messages })).message.content)
  const stop = full.slice(40, 46)
  const before = full.slice(0, full.indexOf(stop))
  const stopping = chatModel({ additionalChatOptions: { stop } })
  const whole = await stopping.chat({ messages })
  expect(whole.message.content).toBe(before)
  expect(whole.raw).toMatchObject({ choices: [{ finish_reason: 'stop' }] })
  let streamed = ''
  for await (const { delta } of await stopping.chat({ messages, stream: true })) streamed += delta
  expect(streamed).toBe(before)
})

test('a stream that is left frees its slot', async () => {
  const stream = await chatModel({ maxTokens: 500 }).chat({ messages: [user('Once')], stream: true })
  for await (const _ of stream) break
  await expect.poll(() => server.running('plain')).toBe('0')
})

test('errors say what was wrong', async () => {
  expect(await refusal(chatModel({ model: 'nobody' }).chat({ messages: [user('a')] }))).toMatchObject({
    status: 404,
    code: 'model_unknown',
    message: expect.stringContaining('nobody'),
  })
  expect(await refusal(chatModel({ temperature: 2.5 }).chat({ messages: [user('a')] }))).toMatchObject({
    status: 400,
    param: 'temperature',
    message: expect.stringContaining('expected a number of at most 2, got 2.5'),
  })
})

test('tools are refused, not passed over, and structured output is JSON', async () => {
  const weather = { metadata: { name: 'weather', description: 'The weather' }, call: () => 'calm' }
  const messages = [user('a')]
  expect(await refusal(chatModel().chat({ messages, tools: [weather] }))).toMatchObject({
    status: 400,
    code: 'not_supported',
    param: 'tools',
  })
  const responseFormat = { type: 'json_object' }
  const { message } = await chatModel().chat({ messages, responseFormat })
  expect(message.content).toMatch(/^\{/)
})

test('a history with tool calls is taken, also where the template reads results only', async () => {
  const messages: ChatMessage<ToolCallLLMMessageOptions>[] = [
    user('How is it at sea?'),
    {
      role: 'assistant',
      content: '',
      options: { toolCall: [{ id: 'c1', name: 'weather', input: { at: 'sea' } }] },
    },
    {
      role: 'user',
      content: 'stormy',
      options: { toolResult: { id: 'c1', result: 'stormy', isError: false } },
    },
  ]
  const answer = await chatModel({ model: 'tools', maxTokens: 8 }).chat({ messages })
  expect(answer.message.content).not.toBe('')
  expect((await chatModel({ maxTokens: 8 }).chat({ messages })).message.content).not.toBe('')
})

test('2,048 texts are embedded, in one request and in several', async () => {
  for (const embedBatchSize of [2_048, 100]) {
    const embedder = new OpenAIEmbedding({ ...common(), model: 'embedder', embedBatchSize })
    const vectors = await embedder.getTextEmbeddingsBatch([...server.texts])
    expect(vectors).toHaveLength(2_048)
    const [first, text] = [vectors[0], server.texts[0] ?? '']
    expect(await embedder.getTextEmbedding(text)).toEqual(first?.map((value) => expect.closeTo(value, 5)))
  }
})
