import { getEventListeners } from 'node:events'
import { connect } from 'node:net'
import { Hono } from 'hono'
import type OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import type { createApp } from '../../server/app.ts'
import { disconnectSignal } from '../../server/http/disconnect-signal.ts'
import type { TextService } from '../../server/inference/text-service.ts'
import { createManualClock } from '../support/manual-clock.ts'
import {
  closeScriptedServers,
  createScriptedApp,
  listen,
  type ScriptedServerOptions,
} from '../support/scripted-server.ts'

afterEach(closeScriptedServers)

const post = (app: ReturnType<typeof createApp>, path: string, body: unknown) =>
  app.request(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of stream) all.push(one)
  return all
}

const until = (what: () => boolean) => expect.poll(what, { timeout: 5_000, interval: 10 }).toBe(true)

// The scripted model goes on along its text from where the prompt ends: "user: ab\n" is nine characters.
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'ab' }]
const chat = { model: 'scripted', messages }
const said = 'abcdefghijklmnop'

describe('the OpenAI API, as its client asks', () => {
  test('lists the models that make text, and tells of one', async () => {
    const { client } = await listen()
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toEqual(['scripted'])
    expect(await client.models.retrieve('scripted')).toMatchObject({ id: 'scripted', object: 'model' })
  })

  test('completes a chat', async () => {
    const { client } = await listen({ text: said })
    const answer = await client.chat.completions.create({ ...chat })
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'scripted',
      system_fingerprint: 'scripted/cpu',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'jklmnop' } }],
      usage: { prompt_tokens: 9, completion_tokens: 7, total_tokens: 16 },
    })
    expect(answer.id).toMatch(/^chatcmpl-/)
  })

  test('streams a chat, its usage last', async () => {
    const { client } = await listen({ text: said })
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await collect(stream)
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' })
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('jklmnop')
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 7 } })
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
  })

  test.each([
    ['max_tokens', { max_tokens: 3 }],
    ['max_completion_tokens', { max_completion_tokens: 3 }],
  ])('ends at %s', async (_name, limit) => {
    const { client } = await listen({ text: said })
    const { choices, usage } = await client.chat.completions.create({ ...chat, ...limit })
    expect(choices[0]).toMatchObject({ message: { content: 'jkl' }, finish_reason: 'length' })
    expect(usage?.completion_tokens).toBe(3)
  })

  test.each([['mn'], [['x', 'mn']]])('ends before a stop string, which is not told', async (stop) => {
    const { client } = await listen({ text: said })
    const whole = await client.chat.completions.create({ ...chat, stop })
    expect(whole.choices[0]).toMatchObject({ message: { content: 'jkl' }, finish_reason: 'stop' })
    const chunks = await collect(await client.chat.completions.create({ ...chat, stop, stream: true }))
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('jkl')
  })

  test('gives n texts, each with a seed of its own, and tells them apart in a stream', async () => {
    const seeds: unknown[] = []
    const { client } = await listen({ text: said, onRequest: ({ sampling }) => seeds.push(sampling.seed) })
    const { choices } = await client.chat.completions.create({ ...chat, n: 3, seed: 7 })
    expect(choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, 'jklmnop'],
      [1, 'jklmnop'],
      [2, 'jklmnop'],
    ])
    expect(seeds).toEqual([7, 8, 9])
    const texts = ['', '', '']
    for await (const { choices } of await client.chat.completions.create({ ...chat, n: 3, stream: true })) {
      for (const { index, delta } of choices) texts[index] += delta.content ?? ''
    }
    expect(texts).toEqual(['jklmnop', 'jklmnop', 'jklmnop'])
  })

  test('tells log probabilities, whole and streamed', async () => {
    const { client } = await listen({ text: said })
    const options = { ...chat, logprobs: true, top_logprobs: 2, max_tokens: 2 }
    const { choices } = await client.chat.completions.create(options)
    expect(choices[0]?.logprobs?.content).toEqual([
      expect.objectContaining({ token: 'j', logprob: -0.5, bytes: [106] }),
      expect.objectContaining({
        token: 'k',
        top_logprobs: [
          { token: 'k', logprob: -0.5, bytes: [107] },
          { token: '?', logprob: -2, bytes: [63] },
        ],
      }),
    ])
    const chunks = await collect(await client.chat.completions.create({ ...options, stream: true }))
    const told = chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])
    expect(told.map(({ token }) => token)).toEqual(['j', 'k'])
  })

  test('completes prompts, as text and as tokens, with echo, logprobs and several at once', async () => {
    const { client } = await listen({ text: said })
    const model = 'scripted'
    const one = await client.completions.create({ model, prompt: 'abc', max_tokens: 2, logprobs: 1 })
    expect(one).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'de', finish_reason: 'length' }],
    })
    expect(one.choices[0]?.logprobs).toEqual({
      tokens: ['d', 'e'],
      token_logprobs: [-0.5, -0.5],
      top_logprobs: [{ d: -0.5 }, { e: -0.5 }],
      text_offset: [0, 1],
    })
    const several = await client.completions.create({ model, prompt: ['a', 'abcd'], n: 2, max_tokens: 1 })
    expect(several.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, 'b'],
      [1, 'b'],
      [2, 'e'],
      [3, 'e'],
    ])
    expect(several.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 4 })
    const tokens = await client.completions.create({ model, prompt: [97, 98], max_tokens: 2, echo: true })
    expect(tokens.choices[0]?.text).toBe('abcd')
    const stream = await client.completions.create({ model, prompt: 'ab', max_tokens: 3, stream: true })
    const chunks = await collect(stream)
    expect(chunks.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe('cde')
  })

  test('gives embeddings as base64, which its client asks for, and as floats', async () => {
    const asked: unknown[] = []
    const embed: TextService['embed'] = async (_entry, texts) => {
      asked.push(texts)
      return { embeddings: texts.map((_, at) => Float32Array.of(at, 0.25, -1)), promptTokens: 5 }
    }
    const { client } = await listen({ embed })
    const { data, usage } = await client.embeddings.create({ model: 'scripted', input: ['one', 'two'] })
    expect(data.map(({ embedding }) => [...embedding])).toEqual([
      [0, 0.25, -1],
      [1, 0.25, -1],
    ])
    expect(usage).toEqual({ prompt_tokens: 5, total_tokens: 5 })
    const floats = await client.embeddings.create({
      model: 'scripted',
      input: [1, 2],
      encoding_format: 'float',
    })
    expect(floats.data[0]?.embedding).toEqual([0, 0.25, -1])
    expect(asked).toEqual([['one', 'two'], [[1, 2]]])
  })

  test('waits and tries again where all is full, as long as it is told to', async () => {
    let full = 2
    const { client } = await listen({
      text: said,
      refuse: () => {
        if (full-- <= 0) return undefined
        return new SpillwayError('overloaded', 'Every slot is taken', { retryAfterMs: 5 })
      },
    })
    const answer = await client.chat.completions.create({ ...chat })
    expect(answer.choices[0]?.message.content).toBe('jklmnop')
    full = 9
    await expect(client.chat.completions.create({ ...chat })).rejects.toMatchObject({
      status: 429,
      code: 'overloaded',
      type: 'rate_limit_exceeded',
    })
  })

  test('a text that fails is an error: before its first token with a status, later as an event', async () => {
    const failAt = (at: number): ScriptedServerOptions => ({
      text: said,
      fail: (place) => (place === at ? new SpillwayError('model_output_invalid', 'Not a number') : undefined),
    })
    const early = await listen(failAt(9))
    await expect(
      early.client.chat.completions.create({ ...chat, stream: true }, { maxRetries: 0 }),
    ).rejects.toMatchObject({ status: 500, code: 'model_output_invalid' })
    const late = await listen(failAt(12))
    const stream = await late.client.chat.completions.create({ ...chat, stream: true })
    let text = ''
    const reading = (async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
    })()
    await expect(reading).rejects.toThrow('Not a number')
    expect(text).toBe('jkl')
  })

  test('a text that fails at once takes the others of its request with it, streaming or not', async () => {
    const { client, tokens } = await listen({
      text: 'x'.repeat(900_000),
      fail: (_place, { sampling }) =>
        sampling.seed === 7 ? new SpillwayError('model_output_invalid', 'Not a number') : undefined,
    })
    for (const stream of [true, false]) {
      const answer = client.chat.completions.create({ ...chat, n: 3, seed: 7, stream }, { maxRetries: 0 })
      await expect(answer).rejects.toMatchObject({ status: 500, code: 'model_output_invalid' })
      await until(() => tokens.load.running === 0)
    }
  })

  test('requests over one connection leave nothing behind on it', async () => {
    const { client, caller } = await listen({ text: said })
    for (const stream of [true, false]) {
      const answer = await client.chat.completions.create({ ...chat, stream })
      if ('controller' in answer) await collect(answer)
    }
    let left: unknown[] = ['nobody was asked']
    const watch = new Hono().get('/', (c) => {
      left = getEventListeners(disconnectSignal(c), 'abort')
      return c.text('')
    })
    await watch.fetch(new Request('http://here/'), caller())
    expect(left).toEqual([])
  })

  test('a client that goes frees its slot, streaming or not', async () => {
    const { client, tokens } = await listen({ text: 'x'.repeat(900_000) })
    const stream = await client.chat.completions.create({ ...chat, stream: true })
    for await (const _ of stream) break
    stream.controller.abort()
    await until(() => tokens.load.running === 0)
    const controller = new AbortController()
    const whole = client.chat.completions
      .create({ ...chat }, { signal: controller.signal })
      .catch(() => 'gone')
    await until(() => tokens.load.running === 1)
    controller.abort()
    expect(await whole).toBe('gone')
    await until(() => tokens.load.running === 0)
  })

  test('a client that stops reading is written no more than its socket holds, and loses its slot when it goes', async () => {
    const inflate = { length: 20_000, taken: 0 }
    const { port, tokens } = await listen({ text: 'x'.repeat(900_000), inflate })
    const body = JSON.stringify({ ...chat, stream: true })
    const socket = connect(port, '127.0.0.1')
    socket.pause()
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    // It is taken until the socket and the kernel hold all they do, and then no more, however much there is.
    let before = -1
    await expect
      .poll(
        () => {
          const stands = inflate.taken > 0 && inflate.taken === before
          before = inflate.taken
          return stands
        },
        { timeout: 10_000, interval: 300 },
      )
      .toBe(true)
    expect(inflate.taken).toBeLessThan(2_000)
    expect(tokens.load.running).toBe(1)
    const { taken } = inflate
    socket.destroy()
    await until(() => tokens.load.running === 0)
    // Nor is the rest written to nobody.
    expect(inflate.taken).toBeLessThan(taken + 10)
  })
})

describe('requests that are wrong', () => {
  test.each<[string, string, unknown, number, string | null]>([
    ['no JSON', 'chat/completions', '{', 400, null],
    ['no messages', 'chat/completions', { model: 'scripted' }, 400, 'messages'],
    ['an empty chat', 'chat/completions', { ...chat, messages: [] }, 400, 'messages'],
    [
      'a role that there is not',
      'chat/completions',
      { ...chat, messages: [{ role: 'poet', content: '' }] },
      400,
      'messages[0].role',
    ],
    ['a temperature in words', 'chat/completions', { ...chat, temperature: 'hot' }, 400, 'temperature'],
    ['a temperature past the scale', 'chat/completions', { ...chat, temperature: 3 }, 400, 'temperature'],
    ['n of none', 'chat/completions', { ...chat, n: 0 }, 400, 'n'],
    ['a stop that is no string', 'chat/completions', { ...chat, stop: 3 }, 400, 'stop'],
    ['half a token', 'chat/completions', { ...chat, max_tokens: 1.5 }, 400, 'max_tokens'],
    ['a bias of no token', 'chat/completions', { ...chat, logit_bias: { word: 1 } }, 400, 'logit_bias.word'],
    ['no prompt', 'completions', { model: 'scripted' }, 400, 'prompt'],
    ['a list of no prompts', 'completions', { model: 'scripted', prompt: [] }, 400, 'prompt'],
    ['too many texts', 'completions', { model: 'scripted', prompt: ['a', 'b'], n: 128 }, 400, 'n'],
    [
      'echo with logprobs',
      'completions',
      { model: 'scripted', prompt: 'a', echo: true, logprobs: 1 },
      400,
      'echo',
    ],
    ['a model that there is not', 'chat/completions', { ...chat, model: 'nobody' }, 404, null],
    ['embeddings of nothing', 'embeddings', { model: 'scripted', input: [] }, 400, 'input'],
    [
      'another encoding',
      'embeddings',
      { model: 'scripted', input: 'a', encoding_format: 'hex' },
      400,
      'encoding_format',
    ],
    ['what is too long', 'chat/completions', { ...chat, user: 'x'.repeat(100_001) }, 413, null],
  ])('%s', async (_what, path, body, status, param) => {
    const { app } = createScriptedApp()
    const response = await post(app, `/v1/${path}`, body)
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({
      error: {
        message: expect.any(String),
        type: 'invalid_request_error',
        param,
        code: expect.any(String),
      },
    })
  })

  test('what the API does not know is ignored, and null is nothing', async () => {
    const { app } = createScriptedApp({ text: said })
    const response = await post(app, '/v1/chat/completions', {
      ...chat,
      stop: null,
      n: null,
      temperature: null,
      tool_choice: 'none',
      weather: { is: 'fine' },
    })
    expect(response.status).toBe(200)
  })
})

describe('what goes on elsewhere', () => {
  test('tells token ids, the prompt’s first, and goes on from them without saying anything twice', async () => {
    const { app } = createScriptedApp({ text: said })
    const first = await post(app, '/v1/chat/completions', { ...chat, max_tokens: 2, return_token_ids: true })
    const answer = await first.json()
    expect(answer.prompt_token_ids).toHaveLength(9)
    const [choice] = answer.choices
    expect(choice.token_ids).toEqual([106, 107])
    const second = await post(app, '/v1/completions', {
      model: 'scripted',
      prompt: [...answer.prompt_token_ids, ...choice.token_ids],
      generated_tokens: 2,
      logprobs: 1,
      return_tokens_as_token_ids: true,
    })
    const [rest] = (await second.json()).choices
    expect(rest.text).toBe('lmnop')
    expect(rest.logprobs.tokens[0]).toBe('token_id:108')
  })
})

test('a stream that is silent for long is kept alive by comments', async () => {
  const clock = createManualClock()
  let go = () => {}
  const release = new Promise<void>((resolve) => {
    go = resolve
  })
  const { app } = createScriptedApp({ text: said, release }, clock)
  const answer = post(app, '/v1/chat/completions', { ...chat, stream: true })
  await new Promise(setImmediate)
  clock.advance(1_000)
  const response = await answer
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const text = response.text()
  for (let times = 0; times < 3; times++) {
    await new Promise(setImmediate)
    clock.advance(10_000)
  }
  go()
  const all = await text
  expect(all.match(/^: still there$/gm)).toHaveLength(3)
  expect(all.trimEnd().endsWith('data: [DONE]')).toBe(true)
})

test('metrics have the names that vLLM gives them', async () => {
  const { app } = createScriptedApp({ text: said })
  await post(app, '/v1/chat/completions', chat)
  const text = await (await app.request('/metrics')).text()
  for (const line of [
    'vllm:num_requests_running{model_name="scripted"} 0',
    'vllm:num_requests_waiting{model_name="scripted"} 0',
    'vllm:kv_cache_usage_perc{model_name="scripted"} 0',
    'vllm:prompt_tokens_total{model_name="scripted"} 9',
    'vllm:generation_tokens_total{model_name="scripted"} 7',
    'vllm:time_to_first_token_seconds_count{model_name="scripted"} 1',
    'vllm:inter_token_latency_seconds_count{model_name="scripted"} 6',
    'vllm:e2e_request_latency_seconds_count{model_name="scripted"} 1',
    'vllm:request_success_total{model_name="scripted",finished_reason="stop"} 1',
  ])
    expect(text).toContain(line)
})
