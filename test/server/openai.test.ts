import { getEventListeners, once } from 'node:events'
import { Socket } from 'node:net'
import { Hono } from 'hono'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { disconnectSignal } from '../../server/http/disconnect-signal.ts'
import type { TextService } from '../../server/inference/text-service.ts'
import {
  chat,
  closeScriptedServers,
  listen,
  type ScriptedServerOptions,
  script,
} from '../support/scripted-server.ts'
import { sendChat } from '../support/send-chat.ts'

afterEach(closeScriptedServers)

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of stream) all.push(one)
  return all
}

const until = (what: () => boolean) => expect.poll(what, { timeout: 5_000, interval: 10 }).toBe(true)

describe('the OpenAI API with its own client', () => {
  test('lists the models that generate text, and describes one', async () => {
    const { client } = await listen()
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toEqual(['scripted'])
    expect(await client.models.retrieve('scripted')).toMatchObject({ id: 'scripted', object: 'model' })
  })

  test('completes a chat', async () => {
    const { client } = await listen({ text: script })
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

  test('streams a chat, with its usage last', async () => {
    const { client } = await listen({ text: script })
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
    const { client } = await listen({ text: script })
    const { choices, usage } = await client.chat.completions.create({ ...chat, ...limit })
    expect(choices[0]).toMatchObject({ message: { content: 'jkl' }, finish_reason: 'length' })
    expect(usage?.completion_tokens).toBe(3)
  })

  test.each([['mn'], [['x', 'mn']]])('ends before a stop string, which is not sent', async (stop) => {
    const { client } = await listen({ text: script })
    const whole = await client.chat.completions.create({ ...chat, stop })
    expect(whole.choices[0]).toMatchObject({ message: { content: 'jkl' }, finish_reason: 'stop' })
    const chunks = await collect(await client.chat.completions.create({ ...chat, stop, stream: true }))
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('jkl')
  })

  test('generates n texts, each with a seed of its own, and marks them in a stream', async () => {
    const seeds: unknown[] = []
    const { client } = await listen({ text: script, onRequest: ({ sampling }) => seeds.push(sampling.seed) })
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

  test('returns log probabilities, whole and streamed', async () => {
    const { client } = await listen({ text: script })
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
    const entries = chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])
    expect(entries.map(({ token }) => token)).toEqual(['j', 'k'])
  })

  test('completes prompts as text and as tokens, with echo and logprobs, and several at once', async () => {
    const { client } = await listen({ text: script })
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

  test('returns embeddings as base64, the client’s default, and as floats', async () => {
    const asked: unknown[] = []
    const runs = { queueMs: 0, computeMs: 1, answeredAt: 1 }
    const embed: TextService['embed'] = async (_entry, texts) => {
      asked.push(texts)
      return {
        embeddings: texts.map((_, at) => Float32Array.of(at, 0.25, -1)),
        promptTokens: 5,
        truncated: [],
        runs,
      }
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

  test('answers 429 at a full queue, so that the client waits and tries again', async () => {
    let full = 2
    const { client } = await listen({
      text: script,
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

  test('reports a text that fails: before its first token by status, later by an event', async () => {
    const failAt = (at: number): ScriptedServerOptions => ({
      text: script,
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

  test('ends all texts of a request when one fails, streaming or not', async () => {
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

  test('leaves no listener on a connection after its requests', async () => {
    const { client, caller } = await listen({ text: script })
    for (const stream of [true, false]) {
      const answer = await client.chat.completions.create({ ...chat, stream })
      if ('controller' in answer) await collect(answer)
    }
    let listeners: unknown[] = ['not read yet']
    const watch = new Hono().get('/', (c) => {
      listeners = getEventListeners(disconnectSignal(c), 'abort')
      return c.text('')
    })
    await watch.fetch(new Request('http://here/'), caller())
    expect(listeners).toEqual([])
  })

  test('frees the slot of a client that leaves, streaming or not', async () => {
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

  test('sends the head of a stream and its first event in one packet', async () => {
    const { port } = await listen({ text: script })
    const writes = vi.spyOn(Socket.prototype, '_writev')
    const socket = sendChat(port)
    await once(socket, 'data')
    const packets = writes.mock.calls.map(([parts]) => parts.map(({ chunk }) => String(chunk)).join(''))
    const [answer] = packets.filter((packet) => packet.startsWith('HTTP/1.1 200'))
    expect(answer).toContain('data: {')
    writes.mockRestore()
    socket.destroy()
  })

  test('writes no more than the socket holds to a client that stops reading, and frees its slot when it leaves', async () => {
    const inflate = { length: 20_000, taken: 0 }
    const { port, tokens } = await listen({ text: 'x'.repeat(900_000), inflate })
    const socket = sendChat(port)
    socket.pause()
    // Pieces are read until the buffers of the socket and the kernel are full, and then no more.
    let before = -1
    await expect
      .poll(
        () => {
          const isStable = inflate.taken > 0 && inflate.taken === before
          before = inflate.taken
          return isStable
        },
        { timeout: 10_000, interval: 300 },
      )
      .toBe(true)
    expect(inflate.taken).toBeLessThan(2_000)
    expect(tokens.load.running).toBe(1)
    const { taken } = inflate
    socket.destroy()
    await until(() => tokens.load.running === 0)
    // The rest is not read for a client that has left.
    expect(inflate.taken).toBeLessThan(taken + 10)
  })
})
