import { AIMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientServer, startClientServer } from '../../support/client-server.ts'

let server: ClientServer
beforeAll(async () => {
  server = await startClientServer()
})
afterAll(async () => {
  await server?.stop()
})

const common = () => ({ apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.baseUrl } })
const chatModel = (more: object = {}) =>
  new ChatOpenAI({ ...common(), model: 'plain', temperature: 0, maxTokens: 60, ...more })
const refusal = (asking: Promise<unknown>) =>
  asking.then(
    () => expect.fail('answered'),
    (cause) => cause,
  )

test('a stop string ends a text, whole and streamed', async () => {
  const full = await chatModel().invoke('Once upon a time')
  expect(full.response_metadata.finish_reason).toBe('length')
  const stop = full.text.slice(40, 46)
  const before = full.text.slice(0, full.text.indexOf(stop))
  const whole = await chatModel().invoke('Once upon a time', { stop: [stop] })
  expect([whole.text, whole.response_metadata.finish_reason]).toEqual([before, 'stop'])
  expect(whole.usage_metadata).toMatchObject({ input_tokens: expect.any(Number) })
  let streamed = ''
  let reason: unknown
  for await (const chunk of await chatModel({ stop: [stop] }).stream('Once upon a time')) {
    streamed += chunk.text
    reason = chunk.response_metadata.finish_reason ?? reason
  }
  expect([streamed, reason]).toEqual([before, 'stop'])
})

test('an aborted text frees its slot, and so does a stream that is left', async () => {
  const controller = new AbortController()
  const model = chatModel({ maxTokens: 500 })
  const read = async () => {
    for await (const _ of await model.stream('Once', { signal: controller.signal })) controller.abort()
  }
  await expect(read()).rejects.toThrow(/abort/i)
  await expect.poll(() => server.running('plain')).toBe('0')
  for await (const _ of await model.stream('Once')) break
  await expect.poll(() => server.running('plain')).toBe('0')
})

test('errors say what was wrong', async () => {
  expect(await refusal(chatModel({ model: 'nobody' }).invoke('a'))).toMatchObject({
    status: 404,
    code: 'model_unknown',
    message: expect.stringContaining('nobody'),
  })
  expect(await refusal(chatModel({ temperature: 2.5 }).invoke('a'))).toMatchObject({
    status: 400,
    param: 'temperature',
    message: expect.stringContaining('expected a number of at most 2, got 2.5'),
  })
})

test('tools are refused, not passed over, and structured output is held to its schema', async () => {
  const weather = tool(() => 'calm', {
    name: 'weather',
    description: 'The weather',
    schema: { type: 'object', properties: {} },
  })
  expect(await refusal(chatModel().bindTools([weather]).invoke('a'))).toMatchObject({
    status: 400,
    code: 'not_supported',
    param: 'tools',
  })
  const structured = chatModel().withStructuredOutput(
    { title: 'answer', type: 'object', properties: {} },
    { method: 'jsonSchema' },
  )
  expect(await structured.invoke('a')).toEqual({})
})

test('a history with tool calls is taken, also where the template reads results only', async () => {
  const history = [
    new HumanMessage('How is it at sea?'),
    new AIMessage({ content: '', tool_calls: [{ id: 'c1', name: 'weather', args: { at: 'sea' } }] }),
    new ToolMessage({ content: 'stormy', tool_call_id: 'c1' }),
  ]
  const answer = await chatModel({ model: 'tools', maxTokens: 8 }).invoke(history)
  expect(answer.text).not.toBe('')
  expect((await chatModel({ maxTokens: 8 }).invoke(history)).text).not.toBe('')
})

test('2,048 texts are embedded, in one request and in several', async () => {
  for (const batchSize of [2_048, 100]) {
    const embeddings = new OpenAIEmbeddings({ ...common(), model: 'embedder', batchSize })
    const vectors = await embeddings.embedDocuments([...server.texts])
    expect(vectors).toHaveLength(2_048)
    expect(vectors[2_047]).toHaveLength(8)
    const [first, text] = [vectors[0], server.texts[0] ?? '']
    expect(await embeddings.embedQuery(text)).toEqual(first?.map((value) => expect.closeTo(value, 5)))
  }
})
