import OpenAI from 'openai'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { admitBy } from '../../server/auth/limits/limit-requests.ts'
import { RateLimits } from '../../server/auth/limits/rate-limits.ts'
import { createMemoryStore } from '../../server/auth/limits/rate-store.ts'
import { deferred } from '../support/deferred.ts'
import type { ForwardingServer } from '../support/forwarding-server.ts'
import type { Behaviour } from '../support/openai-upstream.ts'
import { chat, eventsOf, startForwarding as start, text, textOf } from '../support/start-forwarding.ts'

describe('a request for a model of an engine', () => {
  test('reaches it as it was written, but for the model’s name and the caller’s key', async () => {
    vi.stubEnv('TEST_ENGINE_KEY', 'engine-secret')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { server, engine } = await start({ key: 'engine-secret' }, { key: 'TEST_ENGINE_KEY' })
    const unknown = `"seed":9223372036854775807,"temperature":1.0,"tools":[{"type":"function","function":{"name":"f"}}],"response_format":{"type":"json_object"},"guided_choice":["a","b"],"logit_bias":{"7":-100},"min_tokens":3,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}]`
    const answer = await server.post('v1/chat/completions', `{"model":"tiny",${unknown}}`, {
      authorization: 'Bearer callers-own',
      'x-request-id': 'request-7',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      object: 'chat.completion',
      model: 'tiny',
      choices: [{ message: { content: text } }],
      usage: { prompt_tokens: 9, completion_tokens: 5 },
    })
    const [seen] = engine.seen
    expect(seen?.body).toBe(`{"model":"org/tiny",${unknown}}`)
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer engine-secret',
      'x-request-id': 'request-7',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    })
    expect(JSON.stringify(seen?.headers)).not.toContain('callers-own')
  })

  test.each(['vllm', 'llama.cpp', 'openai'] as const)(
    'streams what %s writes, without the usage that only this server has asked for',
    async (flavour) => {
      const { server, engine } = await start({ flavour })
      const stream = await (await server.post('v1/chat/completions', { ...chat, stream: true })).text()
      expect(textOf(stream)).toBe(text)
      expect(stream.endsWith('data: [DONE]\n\n')).toBe(true)
      expect(new Set(eventsOf(stream).map(({ model }) => model))).toEqual(new Set(['tiny']))
      expect(stream).not.toContain('usage')
      expect(JSON.parse(engine.seen[0]?.body ?? '')).toEqual({
        ...chat,
        model: 'org/tiny',
        stream: true,
        stream_options: { include_usage: true },
      })
      const asked = { ...chat, stream: true, stream_options: { include_usage: true } }
      const withUsage = eventsOf(await (await server.post('v1/chat/completions', asked)).text())
      expect(withUsage.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } })
    },
  )

  test('gets embeddings and completions', async () => {
    const { server, engine } = await start()
    const vectors = await server.post('v1/embeddings', { model: 'vectors', input: ['a', 'b'], dimensions: 3 })
    expect(await vectors.text()).toContain(
      '"model":"vectors","data":[{"index":0,"object":"embedding","embedding":[0,0.1,-1e-7]}',
    )
    const completion = await server.post('v1/completions', { model: 'tiny', prompt: [1, 2], suffix: 'x' })
    expect(await completion.json()).toMatchObject({ object: 'text_completion', choices: [{ text }] })
    expect(engine.seen.map(({ path }) => path)).toEqual(['/v1/embeddings', '/v1/completions'])
  })

  test('tells the time that is left of its deadline', async () => {
    const { server, engine } = await start()
    await server.post('v1/chat/completions', chat, { 'request-timeout': '5' })
    await server.post('v1/embeddings', { model: 'vectors', input: 'a' }, { 'request-timeout': '5' })
    for (const { headers } of engine.seen) {
      expect(Number(headers['request-timeout'])).toBeGreaterThan(4)
      expect(Number(headers['request-timeout'])).toBeLessThanOrEqual(5)
    }
  })

  test('is checked as far as this server acts on it', async () => {
    const { server, engine } = await start()
    const refusal = async (path: string, body: unknown) => {
      const answer = await server.post(path, body)
      return [answer.status, (await answer.json()).error.param]
    }
    expect(await refusal('v1/chat/completions', { ...chat, n: 129 })).toEqual([400, 'n'])
    expect(await refusal('v1/completions', { model: 'tiny', prompt: ['a', 'b', 'c'], n: 43 })).toEqual([
      400,
      'n',
    ])
    expect(await refusal('v1/completions', { model: 'tiny', prompt: 'a', best_of: 129 })).toEqual([400, 'n'])
    expect(await refusal('v1/chat/completions', { ...chat, n: 'many' })).toEqual([400, 'n'])
    expect(await refusal('v1/chat/completions', { ...chat, stream: 1 })).toEqual([400, 'stream'])
    const deep = `{"model":"tiny","x":${'['.repeat(100)}${']'.repeat(100)}}`
    expect(await refusal('v1/chat/completions', deep)).toEqual([400, null])
    expect(await refusal('v1/chat/completions', '{"model":"tiny"')).toEqual([400, null])
    expect(engine.seen).toEqual([])
  })

  test('of tensors is refused', async () => {
    const { server } = await start()
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }]
    const answer = await server.post('v2/models/tiny/infer', { inputs })
    expect([answer.status, answer.headers.get(errorCodeHeader)]).toEqual([400, 'not_supported'])
  })

  test('with a long body is read, and its answer written, off the server’s thread', async () => {
    const { server, engine } = await start({ pieces: ['long '.repeat(20_000)] })
    const messages = [{ role: 'user', content: 'x'.repeat(100_000) }]
    const answer = await server.post('v1/chat/completions', { ...chat, messages })
    expect((await answer.json()).choices[0].message.content).toHaveLength(100_000)
    expect(JSON.parse(engine.seen[0]?.body ?? '').messages).toEqual(messages)
  })

  test('is sent again without the fields that pages can do without, to an engine that refuses them', async () => {
    const { server, engine } = await start({ flavour: 'openai' })
    const ask = () =>
      server.post('v1/chat/completions', {
        ...chat,
        return_token_ids: true,
        preferred_variant: 'q4',
        truncation: 'auto',
        user: 'u',
      })
    expect((await ask()).status).toBe(200)
    expect((await ask()).status).toBe(200)
    expect(engine.seen.map(({ body }) => body.includes('return_token_ids'))).toEqual([true, false, false])
    expect(JSON.parse(engine.seen[2]?.body ?? '')).toEqual({ ...chat, model: 'org/tiny', user: 'u' })
  })
})

test('A request beyond the most that an engine takes is refused, with a time to try again', async () => {
  const { server, engine } = await start({}, { maxConcurrent: 2 })
  const { promise, resolve } = deferred<void>()
  engine.behave = () => ({ beforeEvent: () => promise })
  const streams = [1, 2].map(() => server.post('v1/chat/completions', { ...chat, stream: true }))
  await expect.poll(() => engine.seen.length).toBe(2)
  const refused = await server.post('v1/chat/completions', chat)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  expect(await server.metrics()).toContain('vllm:num_requests_running{model_name="tiny"} 2')
  resolve()
  for (const stream of streams) expect(textOf(await (await stream).text())).toBe(text)
  expect(await server.metrics()).toContain('vllm:num_requests_running{model_name="tiny"} 0')
})

describe('an error of an engine', () => {
  const ask = async (server: ForwardingServer, stream = false) => {
    const answer = await server.post('v1/chat/completions', { ...chat, stream })
    const { error } = await answer.json()
    return { status: answer.status, code: answer.headers.get(errorCodeHeader), error, answer }
  }

  test.each(['vllm', 'llama.cpp', 'openai'] as const)(
    'of %s is told as what it means to the caller',
    async (flavour) => {
      const { server, engine } = await start({ flavour })
      const answerTo = async (behaviour: Behaviour) => {
        engine.behave = () => behaviour
        const { status, code, error } = await ask(server)
        return [status, code, error.message]
      }
      expect(await answerTo({ status: 400, message: 'min_p must be in [0, 1]' })).toEqual([
        400,
        'request_malformed',
        'min_p must be in [0, 1]',
      ])
      const tooLong = "This model's maximum context length is 10 tokens."
      expect(await answerTo({ status: 400, message: tooLong })).toEqual([400, 'context_exceeded', tooLong])
      expect(await answerTo({ status: 404 })).toEqual([
        502,
        'server_response_invalid',
        expect.stringContaining('The engine of tiny has no such model'),
      ])
      for (const status of [401, 403]) {
        const [answered, code, message] = await answerTo({ status, message: 'Incorrect API key: sk-ab***yz' })
        expect([answered, code]).toEqual([502, 'server_response_invalid'])
        expect(message).toContain('does not let this server in')
        expect(message).not.toContain('sk-ab')
      }
      expect(server.log.filter(({ msg }) => msg === 'request failed')).toHaveLength(3)
      expect(await answerTo({ status: 504 })).toEqual([503, 'deadline_exceeded', expect.any(String)])
    },
  )

  test.each([429, 503])('of status %s says when to try again', async (status) => {
    const { server, engine } = await start()
    engine.behave = () => ({ status, headers: { 'retry-after': '7' } })
    const { status: answered, code, answer, error } = await ask(server, true)
    expect([answered, code, answer.headers.get('retry-after')]).toEqual([429, 'overloaded', '7'])
    expect(error.retry_after_ms).toBe(7_000)
    engine.behave = () => ({ status, headers: { 'retry-after-ms': '2500' } })
    expect((await ask(server)).error.retry_after_ms).toBe(2_500)
  })

  test('that is no JSON, or no stream, is the server’s', async () => {
    const { server, engine } = await start()
    engine.behave = () => ({ status: 200, body: '<html>' })
    expect(await ask(server)).toMatchObject({ status: 502, code: 'server_response_invalid' })
    expect((await ask(server, true)).status).toBe(500)
  })
})

describe('what a forwarded text is counted as', () => {
  test('is in the metrics and in the log', async () => {
    const { server, engine } = await start()
    await (await server.post('v1/chat/completions', { ...chat, stream: true })).text()
    await (await server.post('v1/chat/completions', chat)).text()
    const metrics = await server.metrics()
    expect(metrics).toContain('vllm:prompt_tokens_total{model_name="tiny"} 18')
    expect(metrics).toContain('vllm:generation_tokens_total{model_name="tiny"} 10')
    expect(metrics).toContain('vllm:request_success_total{model_name="tiny",finished_reason="stop"} 2')
    expect(metrics).toContain('vllm:time_to_first_token_seconds_count{model_name="tiny"} 1')
    const [stream, whole] = server.log.filter(({ msg }) => msg === 'request')
    expect(stream).toMatchObject({
      model: 'tiny',
      promptTokens: 9,
      tokens: 5,
      end: 'finished',
      firstTokenMs: expect.any(Number),
    })
    const replica = `${new URL(engine.url).host}/v1`
    expect(stream).toMatchObject({ replica })
    expect(whole).toMatchObject({ model: 'tiny', promptTokens: 9, tokens: 5, replica })
  })

  test('is what its caller has used of its tokens', async () => {
    const limits = new RateLimits(createMemoryStore())
    const limit = admitBy(limits, { key: {}, address: { tokensPerMinute: 30 } }, () => 'address')
    const { server } = await start({}, { limit })
    const ask = async (stream: boolean) => {
      const answer = await server.post('v1/chat/completions', { ...chat, stream })
      await answer.text()
      return answer.status
    }
    // Fourteen tokens each.
    expect([await ask(true), await ask(false), await ask(true)]).toEqual([200, 200, 200])
    expect(await ask(false)).toBe(429)
  })
})

test('OpenAI’s own client gets chats, streams, tools’ calls, completions and embeddings of an engine', async () => {
  const { server } = await start()
  const client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', server.url).href, maxRetries: 0 })
  const { messages } = { messages: [{ role: 'user', content: 'Tell me' } as const] }
  const whole = await client.chat.completions.create({ model: 'tiny', messages })
  expect(whole.choices[0]?.message.content).toBe(text)
  let streamed = ''
  for await (const { choices } of await client.chat.completions.create({
    model: 'tiny',
    messages,
    stream: true,
  }))
    streamed += choices[0]?.delta.content ?? ''
  expect(streamed).toBe(text)
  expect((await client.completions.create({ model: 'tiny', prompt: 'a' })).choices[0]?.text).toBe(text)
  const { data } = await client.embeddings.create({
    model: 'vectors',
    input: ['a', 'b'],
    encoding_format: 'float',
  })
  expect(data[1]?.embedding).toEqual([1, 0.1, -1e-7])
  expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['tiny', 'vectors'])
})
