import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  embedMany,
  generateText,
  jsonSchema,
  type ModelMessage,
  Output,
  streamText,
  tool,
} from 'ai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientServer, startClientServer } from '../../support/client-server.ts'

let server: ClientServer
let provider: ReturnType<typeof createOpenAICompatible>
beforeAll(async () => {
  server = await startClientServer()
  provider = createOpenAICompatible({
    supportsStructuredOutputs: true,
    name: 'spillway',
    baseURL: server.baseUrl,
    includeUsage: true,
  })
})
afterAll(async () => {
  await server?.stop()
})

const base = () => ({
  model: provider.chatModel('plain'),
  maxRetries: 0,
  maxOutputTokens: 60,
  temperature: 0,
})
const refusal = (cause: unknown) => (APICallError.isInstance(cause) ? cause : expect.fail(String(cause)))

test('a stop sequence ends a text, whole and streamed', async () => {
  const request = { ...base(), prompt: 'Once upon a time' }
  const { text, finishReason } = await generateText(request)
  expect(finishReason).toBe('length')
  const stop = text.slice(40, 46)
  const before = text.slice(0, text.indexOf(stop))
  const whole = await generateText({ ...request, stopSequences: [stop] })
  expect([whole.text, whole.finishReason]).toEqual([before, 'stop'])
  const stream = streamText({ ...request, stopSequences: [stop] })
  expect([await stream.text, await stream.finishReason]).toEqual([before, 'stop'])
  expect((await stream.usage).inputTokens).toBeGreaterThan(0)
})

test('an aborted text frees its slot', async () => {
  const controller = new AbortController()
  const stream = streamText({
    ...base(),
    prompt: 'Once',
    maxOutputTokens: 500,
    abortSignal: controller.signal,
    onError: () => {},
  })
  for await (const part of stream.fullStream) if (part.type === 'text-delta') controller.abort()
  await expect.poll(() => server.running('plain')).toBe('0')
})

test('errors say what was wrong, and are not tried again', async () => {
  const unknown = generateText({ ...base(), model: provider.chatModel('nobody'), prompt: 'a' })
  expect(refusal(await unknown.catch((cause) => cause))).toMatchObject({
    statusCode: 404,
    isRetryable: false,
    message: expect.stringContaining('nobody'),
  })
  const hot = generateText({ ...base(), prompt: 'a', temperature: 2.5 })
  expect(refusal(await hot.catch((cause) => cause))).toMatchObject({
    statusCode: 400,
    message: expect.stringContaining('expected a number of at most 2, got 2.5'),
  })
})

test('tools are refused, not passed over, and structured output is held to its schema', async () => {
  const weather = tool({
    inputSchema: jsonSchema<object>({ type: 'object', properties: {} }),
    execute: async () => 'calm',
  })
  const withTools = generateText({ ...base(), prompt: 'a', tools: { weather } })
  expect(refusal(await withTools.catch((cause) => cause))).toMatchObject({
    statusCode: 400,
    isRetryable: false,
    message: expect.stringContaining('"tools"'),
  })
  const output = Output.object({ schema: jsonSchema({ type: 'object', properties: {} }) })
  const structured = await generateText({ ...base(), maxOutputTokens: 40, prompt: 'a', output })
  expect(structured.output).toEqual({})
})

test('a history with tool calls is taken, also where the template reads results only', async () => {
  const messages: ModelMessage[] = [
    { role: 'user', content: 'How is it at sea?' },
    {
      role: 'assistant',
      content: [{ type: 'tool-call', toolCallId: 'c1', toolName: 'weather', input: { at: 'sea' } }],
    },
    {
      role: 'tool',
      content: [
        {
          type: 'tool-result',
          toolCallId: 'c1',
          toolName: 'weather',
          output: { type: 'text', value: 'stormy' },
        },
      ],
    },
  ]
  const toolsModel = provider.chatModel('tools')
  const { text } = await generateText({ ...base(), model: toolsModel, messages, maxOutputTokens: 8 })
  expect(text).not.toBe('')
  expect((await generateText({ ...base(), messages, maxOutputTokens: 8 })).text).not.toBe('')
})

test('2,048 texts are embedded', async () => {
  const { embeddings } = await embedMany({
    model: provider.embeddingModel('embedder'),
    values: [...server.texts],
    maxRetries: 0,
  })
  expect(embeddings).toHaveLength(2_048)
  expect(embeddings[0]).toHaveLength(8)
})
