import { HumanMessage, SystemMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientServer, startClientServer } from '../../support/client-server.ts'

let server: ClientServer
let client: OpenAI
beforeAll(async () => {
  server = await startClientServer()
  client = new OpenAI({ apiKey: 'none', baseURL: server.baseUrl, maxRetries: 0 })
})
afterAll(async () => {
  await server?.stop()
})

const request = { model: 'plain', input: 'Once upon a time', temperature: 0, max_output_tokens: 60 }
const langchain = (more: object = {}) =>
  new ChatOpenAI({
    apiKey: 'none',
    maxRetries: 0,
    configuration: { baseURL: server.baseUrl },
    model: 'plain',
    temperature: 0,
    maxTokens: 60,
    useResponsesApi: true,
    ...more,
  })

test('a response is the same text as a chat, whole and streamed', async () => {
  const chat = await client.chat.completions.create({
    model: 'plain',
    messages: [{ role: 'user', content: request.input }],
    temperature: 0,
    max_tokens: 60,
  })
  const whole = await client.responses.create(request)
  expect(whole.output_text).toBe(chat.choices[0]?.message.content)
  expect([whole.status, whole.incomplete_details]).toEqual(['incomplete', { reason: 'max_output_tokens' }])
  expect(whole.usage?.input_tokens).toBe(chat.usage?.prompt_tokens)
  const final = await client.responses.stream(request).finalResponse()
  expect([final.output_text, final.status]).toEqual([whole.output_text, 'incomplete'])
})

test('a response has the form of its schema, and names it', async () => {
  const format = {
    type: 'json_schema',
    name: 'weather',
    strict: true,
    schema: { enum: ['calm', 'stormy'] },
  } as const
  const answer = await client.responses.create({
    ...request,
    text: { format: { ...format, schema: { ...format.schema } } },
  })
  expect(['calm', 'stormy']).toContain(JSON.parse(answer.output_text))
  expect([answer.status, answer.text?.format]).toEqual(['completed', format])
  const wrong = { type: 'json_schema', name: 'list', schema: { type: 'array', uniqueItems: true } } as const
  await expect(client.responses.create({ ...request, text: { format: wrong } })).rejects.toMatchObject({
    status: 400,
    param: 'text.format.schema.uniqueItems',
  })
})

test('a stream that is left frees its slot', async () => {
  const stream = await client.responses.create({ ...request, max_output_tokens: 500, stream: true })
  for await (const event of stream) if (event.type === 'response.output_text.delta') break
  await expect.poll(() => server.running('plain')).toBe('0')
})

test("LangChain's responses: messages, a stream, and refusals", async () => {
  const messages = [new SystemMessage('Tell'), new HumanMessage('Once upon a time')]
  const whole = await langchain().invoke(messages)
  const same = await client.responses.create({ ...request, instructions: 'Tell' })
  expect(whole.text).toBe(same.output_text)
  expect(whole.usage_metadata).toMatchObject({ input_tokens: same.usage?.input_tokens })
  let streamed = ''
  for await (const chunk of await langchain().stream(messages)) streamed += chunk.text
  expect(streamed).toBe(whole.text)
  const refused = langchain({ modelKwargs: { previous_response_id: 'resp_1' } }).invoke(messages)
  await expect(refused).rejects.toMatchObject({ status: 400, code: 'not_supported' })
})

test('a prompt that is too long, and an unknown model, say so', async () => {
  const long = client.responses.create({ ...request, input: 'a '.repeat(3_000_000) })
  await expect(long).rejects.toMatchObject({ status: 400, code: 'context_exceeded', param: 'input' })
  const unknown = client.responses.create({ ...request, model: 'nobody' })
  await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_unknown' })
})
