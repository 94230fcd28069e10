import { afterEach, describe, expect, test, vi } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import type { createApp } from '../../server/app.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { chat, closeScriptedServers, createScriptedApp, script } from '../support/scripted-server.ts'

afterEach(closeScriptedServers)

const post = (app: ReturnType<typeof createApp>, path: string, body: unknown) =>
  app.request(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('the OpenAI API refuses', () => {
  test.each<[string, string, unknown, number, string | null]>([
    ['no JSON', 'chat/completions', '{', 400, null],
    ['no messages', 'chat/completions', { model: 'scripted' }, 400, 'messages'],
    ['an empty chat', 'chat/completions', { ...chat, messages: [] }, 400, 'messages'],
    [
      'an unknown role',
      'chat/completions',
      { ...chat, messages: [{ role: 'poet', content: '' }] },
      400,
      'messages[0].role',
    ],
    ['a temperature in words', 'chat/completions', { ...chat, temperature: 'hot' }, 400, 'temperature'],
    ['a temperature out of range', 'chat/completions', { ...chat, temperature: 3 }, 400, 'temperature'],
    ['n of zero', 'chat/completions', { ...chat, n: 0 }, 400, 'n'],
    ['a stop that is no string', 'chat/completions', { ...chat, stop: 3 }, 400, 'stop'],
    ['an empty stop', 'chat/completions', { ...chat, stop: '' }, 400, 'stop'],
    [
      'an empty stop of several',
      'completions',
      { model: 'scripted', prompt: 'a', stop: ['a', ''] },
      400,
      'stop[1]',
    ],
    ['a fraction of a token', 'chat/completions', { ...chat, max_tokens: 1.5 }, 400, 'max_tokens'],
    [
      'a bias for a word instead of a token',
      'chat/completions',
      { ...chat, logit_bias: { word: 1 } },
      400,
      'logit_bias.word',
    ],
    ['no prompt', 'completions', { model: 'scripted' }, 400, 'prompt'],
    ['an empty list of prompts', 'completions', { model: 'scripted', prompt: [] }, 400, 'prompt'],
    ['too many texts', 'completions', { model: 'scripted', prompt: ['a', 'b'], n: 128 }, 400, 'n'],
    [
      'echo with logprobs',
      'completions',
      { model: 'scripted', prompt: 'a', echo: true, logprobs: 1 },
      400,
      'echo',
    ],
    ['top_logprobs without logprobs', 'chat/completions', { ...chat, top_logprobs: 3 }, 400, 'top_logprobs'],
    [
      'top_logprobs beside logprobs that are turned off',
      'chat/completions',
      { ...chat, logprobs: false, top_logprobs: 1 },
      400,
      'top_logprobs',
    ],
    [
      'stream_options of a chat without stream',
      'chat/completions',
      { ...chat, stream_options: { include_usage: true } },
      400,
      'stream_options',
    ],
    [
      'stream_options of a completion whose stream is turned off',
      'completions',
      { model: 'scripted', prompt: 'a', stream: false, stream_options: {} },
      400,
      'stream_options',
    ],
    ['an unknown model', 'chat/completions', { ...chat, model: 'nobody' }, 404, null],
    ['embeddings of no text', 'embeddings', { model: 'scripted', input: [] }, 400, 'input'],
    [
      'an unknown encoding',
      'embeddings',
      { model: 'scripted', input: 'a', encoding_format: 'hex' },
      400,
      'encoding_format',
    ],
    ['a body that is too long', 'chat/completions', { ...chat, user: 'x'.repeat(100_001) }, 413, null],
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

  const aTool = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } }
  test.each<[path: string, param: string, request: object]>([
    ['chat/completions', 'tools', { tools: [aTool] }],
    ['chat/completions', 'tool_choice', { tools: [aTool], tool_choice: { type: 'custom' } }],
    ['chat/completions', 'tools[0].type', { tools: [{ type: 'custom', custom: { name: 'f' } }] }],
    ['chat/completions', 'functions', { functions: [{ name: 'f' }] }],
    ['chat/completions', 'function_call', { function_call: { name: 'f' } }],
    ['chat/completions', 'response_format.type', { response_format: { type: 'structural_tag' } }],
    ['chat/completions', 'modalities', { modalities: ['text', 'audio'] }],
    ['chat/completions', 'audio', { audio: { voice: 'alloy', format: 'wav' } }],
    ['chat/completions', 'prediction', { prediction: { type: 'content', content: 'a' } }],
    ['chat/completions', 'reasoning_effort', { reasoning_effort: 'high' }],
    ['chat/completions', 'stop_token_ids', { stop_token_ids: [5] }],
    [
      'chat/completions',
      'structured_outputs.structural_tag',
      { structured_outputs: { structural_tag: '{}' } },
    ],
    ['chat/completions', 'best_of', { best_of: 3 }],
    ['chat/completions', 'suffix', { suffix: 'z' }],
    ['completions', 'best_of', { prompt: 'a', best_of: 3 }],
    ['completions', 'suffix', { prompt: 'a', suffix: 'z' }],
    ['completions', 'top_logprobs', { prompt: 'a', logprobs: 1, top_logprobs: 2 }],
    ['embeddings', 'truncate_prompt_tokens', { input: 'a', truncate_prompt_tokens: 4 }],
  ])('what would change the answer of %s and is not supported: %s', async (path, param, request) => {
    const { app } = createScriptedApp()
    const response = await post(app, `/v1/${path}`, { ...chat, ...request })
    expect(response.status).toBe(400)
    expect((await response.json()).error).toMatchObject({
      type: 'invalid_request_error',
      code: 'not_supported',
      param,
    })
  })

  test('a body that is not UTF-8, which would be another prompt', async () => {
    const { app } = createScriptedApp({ text: script })
    const body = Buffer.from('{"model":"scripted","prompt":"Z\u00fcrich"}', 'latin1')
    const response = await app.request('/v1/completions', { method: 'POST', body })
    expect(response.status).toBe(400)
    expect((await response.json()).error).toMatchObject({ code: 'request_malformed' })
  })

  test('no field at the value that it has anyway, nor one that changes no answer', async () => {
    const { app } = createScriptedApp({ text: script })
    const idle = {
      tools: [],
      tool_choice: 'auto',
      function_call: 'auto',
      response_format: { type: 'text' },
      modalities: ['text'],
      parallel_tool_calls: true,
      user: 'me',
      metadata: { a: 'b' },
      store: false,
      service_tier: 'auto',
      min_tokens: 0,
      skip_special_tokens: true,
    }
    expect((await post(app, '/v1/chat/completions', { ...chat, ...idle })).status).toBe(200)
    const unused = { ...chat, tools: [aTool], tool_choice: 'none' }
    expect((await post(app, '/v1/chat/completions', unused)).status).toBe(200)
    const completion = { model: 'scripted', prompt: 'a', n: 2, best_of: 2, suffix: '', user: 'me' }
    expect((await post(app, '/v1/completions', completion)).status).toBe(200)
  })

  test.each(['user', 'system', 'tool'])('a message of the %s without content', async (role) => {
    const { app } = createScriptedApp({ text: script })
    for (const message of [{ role }, { role, content: null }]) {
      const response = await post(app, '/v1/chat/completions', {
        ...chat,
        messages: [...chat.messages, message],
      })
      expect(response.status).toBe(400)
      expect((await response.json()).error.param).toBe('messages[1].content')
    }
  })

  test('ignores unknown fields, and null counts as absent', async () => {
    const { app } = createScriptedApp({ text: script })
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

describe('a text that moves', () => {
  test('returns token ids, and continues from them without repeating a token', async () => {
    const { app } = createScriptedApp({ text: script })
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

test('keeps a silent stream alive with comments', async () => {
  const clock = createManualClock()
  let go = () => {}
  const release = new Promise<void>((resolve) => {
    go = resolve
  })
  const { app } = createScriptedApp({ text: script, release }, clock)
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

test('metrics have vLLM’s names', async () => {
  const { app } = createScriptedApp({ text: script })
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

test('a text that breaks off in its stream is counted by its reason and its code', async () => {
  const fail = (place: number) =>
    place > 11 ? new SpillwayError('model_output_invalid', 'Not a number') : undefined
  const { app } = createScriptedApp({ text: script, fail })
  const response = await post(app, '/v1/chat/completions', { ...chat, stream: true })
  expect(await response.text()).toContain('model_output_invalid')
  const text = await (await app.request('/metrics')).text()
  for (const line of [
    'vllm:request_success_total{model_name="scripted",finished_reason="error"} 1',
    'vllm:request_success_total{model_name="scripted",finished_reason="stop"} 0',
    'spillway_refusals_total{code="model_output_invalid"} 1',
  ])
    expect(text).toContain(line)
})

test("vLLM's priority is that of waiting texts: the lower, the earlier", async () => {
  const { app, tokens } = createScriptedApp()
  const generate = vi.spyOn(tokens, 'generate')
  for (const priority of [-5, 0, undefined, 7])
    expect((await post(app, '/v1/chat/completions', { ...chat, priority })).status).toBe(200)
  const levels = generate.mock.calls.map(([, options]) => options?.priority)
  expect(levels).toEqual(['high', 'normal', 'normal', 'low'])
  expect((await post(app, '/v1/responses', { model: 'scripted', input: 'a', priority: -1 })).status).toBe(200)
  expect(generate.mock.lastCall?.[1]?.priority).toBe('high')
  for (const [path, body] of [
    ['completions', { prompt: 'a' }],
    ['responses', { input: 'a' }],
  ] as const)
    expect((await post(app, `/v1/${path}`, { model: 'scripted', priority: 'high', ...body })).status).toBe(
      400,
    )
})
