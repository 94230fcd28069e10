import { InferenceClient } from '@huggingface/inference'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientServer, startClientServer } from '../../support/client-server.ts'

let server: ClientServer
let client: InferenceClient
beforeAll(async () => {
  server = await startClientServer()
  client = new InferenceClient('none', { endpointUrl: server.baseUrl })
})
afterAll(async () => {
  await server?.stop()
})

const chat = (more: object = {}) => ({
  model: 'plain',
  messages: [{ role: 'user', content: 'Once upon a time' }],
  max_tokens: 60,
  temperature: 0,
  ...more,
})
const refusal = (asking: Promise<unknown>) =>
  asking.then(
    () => expect.fail('answered'),
    (cause) => cause,
  )

test('a stop string ends a text, whole and streamed', async () => {
  const full = (await client.chatCompletion(chat())).choices[0]?.message.content ?? ''
  const stop = full.slice(40, 46)
  const before = full.slice(0, full.indexOf(stop))
  const [whole] = (await client.chatCompletion(chat({ stop: [stop] }))).choices
  expect([whole?.message.content, whole?.finish_reason]).toEqual([before, 'stop'])
  let streamed = ''
  let reason: unknown
  for await (const { choices } of client.chatCompletionStream(chat({ stop: [stop] }))) {
    streamed += choices[0]?.delta.content ?? ''
    reason = choices[0]?.finish_reason ?? reason
  }
  expect([streamed, reason]).toEqual([before, 'stop'])
})

test('a completion stops as well', async () => {
  const request = { model: 'plain', inputs: 'Once upon a time' }
  const parameters = { max_new_tokens: 60, temperature: 0 }
  const { generated_text: full } = await client.textGeneration({ ...request, parameters })
  const stop = [full.slice(40, 46)]
  const stopped = await client.textGeneration({ ...request, parameters: { ...parameters, stop } })
  expect(stopped.generated_text).toBe(full.slice(0, full.indexOf(stop[0] ?? '')))
})

test('an aborted text frees its slot', async () => {
  const controller = new AbortController()
  const read = async () => {
    const request = chat({ max_tokens: 500 })
    for await (const _ of client.chatCompletionStream(request, { signal: controller.signal }))
      controller.abort()
  }
  await expect(read()).rejects.toThrow(/abort/i)
  await expect.poll(() => server.running('plain')).toBe('0')
})

test('errors say what was wrong: in the answer of a request, in the message of a stream', async () => {
  expect(await refusal(client.chatCompletion(chat({ model: 'nobody' })))).toMatchObject({
    name: 'ProviderApiError',
    httpResponse: {
      status: 404,
      requestId: expect.stringMatching(/./),
      body: { error: { code: 'model_unknown', message: expect.stringContaining('nobody') } },
    },
  })
  const hot = client.chatCompletionStream(chat({ temperature: 2.5 }))
  expect(await refusal(hot.next())).toMatchObject({
    httpResponse: { status: 400 },
    message: expect.stringContaining('expected a number of at most 2, got 2.5'),
  })
})

test('tools are refused, not passed over, and structured output is held to its schema', async () => {
  const tools = [{ type: 'function', function: { name: 'weather', parameters: {} } }]
  expect(await refusal(client.chatCompletion(chat({ tools })))).toMatchObject({
    httpResponse: { status: 400, body: { error: { code: 'not_supported', param: 'tools' } } },
  })
  const schema = { enum: ['calm', 'stormy'] }
  const response_format = { type: 'json_schema', json_schema: { name: 'weather', schema } }
  const { choices } = await client.chatCompletion(chat({ response_format, max_tokens: 20 }))
  expect(schema.enum).toContain(JSON.parse(choices[0]?.message.content ?? ''))
})

test('a history with tool calls is taken, also where the template reads results only', async () => {
  const messages = [
    { role: 'user', content: 'How is it at sea?' },
    {
      role: 'assistant',
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"at":"sea"}' } }],
    },
    { role: 'tool', content: 'stormy', tool_call_id: 'c1' },
  ]
  const answer = await client.chatCompletion(chat({ model: 'tools', messages, max_tokens: 8 }))
  expect(answer.choices[0]?.message.content).not.toBe('')
  const plain = await client.chatCompletion(chat({ messages, max_tokens: 8 }))
  expect(plain.choices[0]?.message.content).not.toBe('')
})

// The client has another API for embeddings (that of Text Embeddings Inference), which names no model.
test('texts to embed are refused clearly, however many', async () => {
  const inputs = [...server.texts]
  const endpointUrl = `${server.baseUrl}/embeddings`
  expect(await refusal(client.featureExtraction({ endpointUrl, inputs }))).toMatchObject({
    httpResponse: { status: 400, body: { error: { code: 'request_malformed', param: 'model' } } },
  })
  expect(await refusal(client.featureExtraction({ model: 'embedder', inputs }))).toMatchObject({
    httpResponse: { status: 404, body: { error: { message: expect.stringContaining('/v1') } } },
  })
})
