import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeCallingModel } from '../../support/calling-model.ts'
import { startServer } from '../../support/server.ts'
import { emptyFolder } from '../../support/test-models.ts'

let server: Awaited<ReturnType<typeof startServer>>
let baseURL: string
beforeAll(async () => {
  const folder = await emptyFolder()
  await writeCallingModel(folder, 'caller')
  server = await startServer({ SPILLWAY_MODELS: folder })
  baseURL = new URL('v1', server.url).href
})
afterAll(async () => {
  await server?.stop()
})

const parameters = {
  type: 'object' as const,
  properties: { at: { type: 'string' as const } },
  required: ['at'],
}
const question = 'How is it at sea?'

test('OpenAI’s client runs a tool that a model calls, whole and streamed', async () => {
  const client = new OpenAI({ apiKey: 'none', baseURL, maxRetries: 0 })
  for (const stream of [false, true] as const) {
    const asked: object[] = []
    const body = {
      model: 'caller',
      temperature: 0,
      messages: [{ role: 'user' as const, content: question }],
      tools: [
        {
          type: 'function' as const,
          function: {
            name: 'weather',
            description: 'Tells the weather',
            parameters,
            parse: JSON.parse,
            function: (json: object) => {
              asked.push(json)
              return 'stormy'
            },
          },
        },
      ],
    }
    const runner = stream
      ? client.chat.completions.runTools({ ...body, stream: true })
      : client.chat.completions.runTools(body)
    expect(await runner.finalContent()).toBe('It is stormy.')
    expect(asked).toEqual([{ at: 'sea' }])
    expect(runner.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
    expect(runner.messages[1]).toMatchObject({ content: 'I look.' })
  }
})

const schema = {
  ...parameters,
  properties: { at: { type: 'string' as const, enum: ['land', 'sky'] } },
  additionalProperties: false,
}

test('OpenAI’s client gets the call that must be made, and its arguments fit the schema', async () => {
  const client = new OpenAI({ apiKey: 'none', baseURL, maxRetries: 0 })
  const ask = {
    model: 'caller',
    temperature: 0,
    messages: [{ role: 'user' as const, content: question }],
    tools: [{ type: 'function' as const, function: { name: 'weather', parameters: schema } }],
    parallel_tool_calls: false,
  }
  const byName = { type: 'function' as const, function: { name: 'weather' } }
  for (const tool_choice of ['required', byName] as const) {
    const { choices } = await client.chat.completions.create({ ...ask, tool_choice })
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        tool_calls: [{ function: { name: 'weather', arguments: expect.stringMatching(/"(?:land|sky)"/) } }],
      },
    })
  }
})

test('the AI SDK gets the call that must be made', async () => {
  const weather = tool({
    inputSchema: jsonSchema<{ at: string }>(schema),
    execute: async () => 'stormy',
  })
  const { toolCalls } = await generateText({
    model: createOpenAICompatible({ name: 'spillway', baseURL }).chatModel('caller'),
    prompt: question,
    temperature: 0,
    maxRetries: 0,
    tools: { weather },
    toolChoice: { type: 'tool', toolName: 'weather' },
  })
  expect(toolCalls).toMatchObject([{ toolName: 'weather', input: { at: expect.stringMatching(/land|sky/) } }])
})

test('the AI SDK runs a tool that a model calls, whole and streamed', async () => {
  const asked: object[] = []
  const weather = tool({
    description: 'Tells the weather',
    inputSchema: jsonSchema<{ at: string }>(parameters),
    execute: async (input) => {
      asked.push(input)
      return 'stormy'
    },
  })
  const settings = {
    model: createOpenAICompatible({ name: 'spillway', baseURL }).chatModel('caller'),
    prompt: question,
    temperature: 0,
    maxRetries: 0,
    tools: { weather },
    stopWhen: stepCountIs(3),
  }
  expect((await generateText(settings)).text).toBe('It is stormy.')
  const stream = streamText(settings)
  expect([await stream.text, await stream.finishReason]).toEqual(['It is stormy.', 'stop'])
  expect(asked).toEqual([{ at: 'sea' }, { at: 'sea' }])
})
