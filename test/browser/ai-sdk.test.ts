import { Chat } from '@ai-sdk/react'
import {
  DirectChatTransport,
  embedMany,
  generateText,
  Output,
  stepCountIs,
  streamText,
  ToolLoopAgent,
  tool,
} from 'ai'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import * as z from 'zod'
import { createSpillway, type SpillwayProvider } from '../../web/adapters/ai/index.ts'
import { createRuntime, type Runtime } from '../../web/api/create-runtime.ts'

const hub = inject('hub')
const prompt = 'To be, or not to be'

describe("the AI SDK's calls, without a server,", () => {
  let runtime: Runtime
  let spillway: SpillwayProvider
  let expected: string
  beforeAll(async () => {
    runtime = await createRuntime({
      server: null,
      models: '/models/catalogue/',
      policy: 'device',
      hub: { endpoint: hub.url },
    })
    spillway = createSpillway(runtime)
    const model = await runtime.model('bard')
    expected = (await model.generate({ prompt, temperature: 0, maxTokens: 12 }).result).text
  })
  afterAll(() => runtime.close())

  const settings = () => ({ model: spillway('bard'), prompt, temperature: 0, maxOutputTokens: 12 })

  test('streamText gives the text in pieces, its usage, its end and where it was written', async () => {
    const { textStream, usage, finishReason, providerMetadata } = streamText(settings())
    const pieces: string[] = []
    for await (const piece of textStream) pieces.push(piece)
    expect(pieces.join('')).toBe(expected)
    expect(await usage).toMatchObject({ outputTokens: 12 })
    expect(await finishReason).toBe('length')
    expect(await providerMetadata).toMatchObject({ spillway: { tier: 'device', backend: 'wasm' } })
  })

  test('a long text does not come at once', async () => {
    const pieces: string[] = []
    // A slow page takes several tokens at once, and never all of these.
    const { textStream } = streamText({ ...settings(), maxOutputTokens: 200 })
    for await (const piece of textStream) pieces.push(piece)
    expect(pieces.length).toBeGreaterThan(1)
  })

  test('generateText gives the same text, and several at once share steps', async () => {
    const texts = await Promise.all([1, 2, 3].map(async () => (await generateText(settings())).text))
    expect(texts).toEqual([expected, expected, expected])
  })

  test('a stop sequence and a seed are heeded', async () => {
    const stop = expected.trim().split(' ')[2] ?? ''
    const { text, finishReason } = await generateText({ ...settings(), stopSequences: [stop] })
    expect(finishReason).toBe('stop')
    expect(text).toBe(expected.slice(0, expected.indexOf(stop)))
    const seeded = () => generateText({ ...settings(), temperature: 1, seed: 7 })
    expect((await seeded()).text).toBe((await seeded()).text)
  })

  test('options of the runtime alone are heeded, and unknown ones refused', async () => {
    const long = { ...settings(), prompt: `${prompt}, `.repeat(400), maxRetries: 0 }
    await expect(generateText(long)).rejects.toMatchObject({ code: 'context_exceeded' })
    const cut = { spillway: { truncation: 'start' } } as const
    expect((await generateText({ ...long, providerOptions: cut })).usage.outputTokens).toBe(12)
    const misspelled = { spillway: { truncate: 'start' } }
    await expect(generateText({ ...long, providerOptions: misspelled })).rejects.toMatchObject({
      code: 'input_name_invalid',
      message: expect.stringContaining('"truncate"'),
    })
  })

  test('tools that the model’s template does not read are refused', async () => {
    const tools = {
      weather: tool({ inputSchema: z.object({ city: z.string() }), execute: async () => 'fair' }),
    }
    const refused = generateText({ ...settings(), tools, stopWhen: stepCountIs(1), maxRetries: 0 })
    await expect(refused).rejects.toMatchObject({ code: 'not_supported', detail: { param: 'tools' } })
  })

  test('generateText writes an object that fits its schema, and streamText its parts', async () => {
    const schema = z.object({ city: z.string().max(9), calm: z.boolean(), wind: z.enum(['north', 'south']) })
    const asked = { ...settings(), maxOutputTokens: 300, output: Output.object({ schema }) }
    const { output, warnings } = await generateText(asked)
    expect(schema.parse(output)).toEqual(output)
    expect(warnings).toEqual([])
    const streamed = streamText(asked)
    expect(await streamed.output).toEqual(output)
  })

  test('an aborted text ends, and leaves no slot taken', async () => {
    const controller = new AbortController()
    const { fullStream } = streamText({
      ...settings(),
      maxOutputTokens: 200,
      abortSignal: controller.signal,
    })
    const kinds: string[] = []
    for await (const { type } of fullStream) {
      kinds.push(type)
      if (type === 'text-delta') controller.abort()
    }
    expect(kinds.at(-1)).toBe('abort')
    expect((await generateText(settings())).text).toBe(expected)
  })

  test('a model that does not exist, and a prompt that is too long, reject with the reason', async () => {
    await expect(generateText({ ...settings(), model: spillway('absent') })).rejects.toMatchObject({
      code: expect.stringMatching(/model_unknown|manifest_invalid/),
    })
    const long = generateText({ ...settings(), prompt: 'again '.repeat(2_000) })
    await expect(long).rejects.toMatchObject({ code: 'context_exceeded' })
  })

  test('embedMany gives the vectors that the model gives', async () => {
    const source = 'hf:owner/sentences'
    const values = ['a fox', 'a wood and a fox']
    const { embeddings } = await embedMany({ model: spillway.embeddingModel(source), values })
    const own = await (await runtime.model(source)).embed(values)
    expect(embeddings).toEqual(own.embeddings.map((vector) => [...vector]))
  })

  test("useChat's state goes on without a server, by the SDK's direct transport", async () => {
    const agent = new ToolLoopAgent({ model: spillway('bard'), temperature: 0, maxOutputTokens: 12 })
    const chat = new Chat({ transport: new DirectChatTransport({ agent }) })
    await chat.sendMessage({ text: prompt })
    expect(chat.error).toBeUndefined()
    const parts = chat.messages.at(-1)?.parts.filter(({ type }) => type === 'text')
    expect(parts).toMatchObject([{ text: expected }])
  })
})
