import type OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { closeScriptedServers, createScriptedApp, listen, script } from '../support/scripted-server.ts'

afterEach(closeScriptedServers)

const request = { model: 'scripted', input: 'ab' }

/** The events of a stream as they were sent: their names and data. */
const eventsOf = async (response: Response) =>
  (await response.text())
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const [, name, data = ''] = /^event: (\S+)\ndata: (.*)$/.exec(event) ?? []
      return { name, ...JSON.parse(data) }
    })

const send = (body: object, options: Parameters<typeof createScriptedApp>[0] = {}) =>
  createScriptedApp({ text: script, ...options }).app.request('/v1/responses', {
    method: 'POST',
    body: JSON.stringify(body),
  })

describe('POST /v1/responses', () => {
  test('answers a text as a response with one message', async () => {
    const response = await send({ ...request, instructions: 'x', metadata: { order: '7' }, temperature: 0.5 })
    expect(await response.json()).toEqual({
      id: expect.stringMatching(/^resp_[0-9a-f]{32}$/),
      object: 'response',
      created_at: expect.any(Number),
      completed_at: expect.any(Number),
      status: 'completed',
      background: false,
      error: null,
      incomplete_details: null,
      instructions: 'x',
      max_output_tokens: null,
      metadata: { order: '7' },
      model: 'scripted',
      output: [
        {
          id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: expect.any(String), annotations: [], logprobs: [] }],
        },
      ],
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      service_tier: 'default',
      store: false,
      temperature: 0.5,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_p: null,
      truncation: 'disabled',
      usage: {
        input_tokens: expect.any(Number),
        input_tokens_details: { cached_tokens: expect.any(Number), cache_write_tokens: 0 },
        output_tokens: expect.any(Number),
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: expect.any(Number),
      },
    })
  })

  test('answers what the same chat gets', async () => {
    const { app } = createScriptedApp({ text: script })
    const post = async (path: string, body: object) =>
      (await app.request(`/v1/${path}`, { method: 'POST', body: JSON.stringify(body) })).json()
    const chat = await post('chat/completions', {
      model: 'scripted',
      messages: [
        { role: 'system', content: 'be' },
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b', tool_calls: [] },
        { role: 'developer', content: 'cd' },
      ],
    })
    const response = await post('responses', {
      model: 'scripted',
      instructions: 'be',
      input: [
        { role: 'user', content: 'a' },
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'b', annotations: [] }],
        },
        {
          role: 'developer',
          content: [
            { type: 'input_text', text: 'c' },
            { type: 'input_text', text: 'd' },
          ],
        },
      ],
    })
    expect(response.output[0].content[0].text).toBe(chat.choices[0].message.content)
    expect(response.usage.input_tokens).toBe(chat.usage.prompt_tokens)
  })

  test('streams the documented events in their order, numbered', async () => {
    const response = await send({ ...request, max_output_tokens: 3, stream: true })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const events = await eventsOf(response)
    expect(events.map(({ name }) => name)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      ...new Array(3).fill('response.output_text.delta'),
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.incomplete',
    ])
    expect(events.every(({ name, type }) => name === type)).toBe(true)
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index))
    const text = events.flatMap(({ delta }) => delta ?? []).join('')
    expect(text).toHaveLength(3)
    const [created] = events
    const ids = new Set(events.flatMap(({ item, item_id }) => item?.id ?? item_id ?? []))
    expect(ids.size).toBe(1)
    expect(created.response).toMatchObject({ status: 'in_progress', output: [], usage: null })
    expect(events.at(-1).response).toMatchObject({
      id: created.response.id,
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      max_output_tokens: 3,
      output: [{ status: 'incomplete', content: [{ text }] }],
      usage: { output_tokens: 3 },
    })
  })

  test('ends a stream that fails with response.failed', async () => {
    const lost = new SpillwayError('lane_lost', 'The lane was lost')
    const events = await eventsOf(
      await send({ ...request, stream: true }, { fail: (place) => (place === 12 ? lost : undefined) }),
    )
    expect(events.at(-1)).toMatchObject({
      name: 'response.failed',
      sequence_number: events.length - 1,
      response: {
        status: 'failed',
        error: { code: 'server_error', message: expect.stringContaining('The lane was lost') },
      },
    })
  })
})

describe('a response is refused', () => {
  const item = (more: object) => ({ input: [{ role: 'user', content: 'a' }, more] })
  test.each<[string, object, string, string]>([
    ['to be stored', { store: true }, 'not_supported', 'store'],
    ['after another', { previous_response_id: 'resp_1' }, 'not_supported', 'previous_response_id'],
    ['in a conversation', { conversation: 'conv_1' }, 'not_supported', 'conversation'],
    ['in the background', { background: true }, 'not_supported', 'background'],
    ['of a stored prompt', { prompt: { id: 'pmpt_1' } }, 'not_supported', 'prompt'],
    ['with tools', { tools: [{ type: 'web_search' }] }, 'not_supported', 'tools[0].type'],
    [
      'with a call that must be made, without tools',
      { tool_choice: 'required' },
      'request_malformed',
      'tool_choice',
    ],
    [
      'without a schema',
      { text: { format: { type: 'json_schema' } } },
      'request_malformed',
      'text.format.schema',
    ],
    ['with a verbosity', { text: { verbosity: 'low' } }, 'not_supported', 'text'],
    ['with reasoning', { reasoning: { effort: 'high' } }, 'not_supported', 'reasoning.effort'],
    ['with log probabilities', { top_logprobs: 2 }, 'not_supported', 'top_logprobs'],
    ['with those to include', { include: ['message.output_text.logprobs'] }, 'not_supported', 'include'],
    ['to be cut otherwise', { truncation: 'middle' }, 'request_malformed', 'truncation'],
    ['with the field of a chat', { max_tokens: 7 }, 'not_supported', 'max_tokens'],
    ['without an input', { input: undefined }, 'request_malformed', 'input'],
    ['with an empty input', { input: [] }, 'request_malformed', 'input'],
    ['with metadata that are no texts', { metadata: { a: 1 } }, 'request_malformed', 'metadata.a'],
    ['with an unknown role', item({ role: 'poet', content: 'a' }), 'request_malformed', 'input[1].role'],
    ['with a message without content', item({ role: 'user' }), 'request_malformed', 'input[1].content'],
    [
      'with a picture',
      item({ role: 'user', content: [{ type: 'input_image', image_url: 'data:,' }] }),
      'not_supported',
      'input[1].content[0].type',
    ],
    ['with a reference', item({ type: 'item_reference', id: 'msg_1' }), 'not_supported', 'input[1].type'],
    ['with a call without a name', item({ type: 'function_call' }), 'request_malformed', 'input[1].name'],
  ])('%s', async (_what, more, code, param) => {
    const response = await send({ ...request, ...more })
    expect(response.status).toBe(400)
    expect((await response.json()).error).toMatchObject({ code, param, type: 'invalid_request_error' })
  })

  test('not for values that ask for nothing', async () => {
    const response = await send({
      ...request,
      store: false,
      background: false,
      previous_response_id: null,
      tools: [],
      tool_choice: 'auto',
      text: { format: { type: 'text' } },
      reasoning: { effort: null, summary: null },
      include: ['reasoning.encrypted_content'],
      truncation: 'disabled',
      parallel_tool_calls: true,
      service_tier: 'auto',
      user: 'me',
    })
    expect(response.status).toBe(200)
  })
})

describe("OpenAI's own client", () => {
  test('reads a response, and its stream by create and by the helper', async () => {
    const { client } = await listen({ text: script })
    const whole = await client.responses.create(request)
    expect(whole.status).toBe('completed')
    expect(whole.output_text.length).toBeGreaterThan(3)
    let text = ''
    for await (const event of await client.responses.create({ ...request, stream: true }))
      if (event.type === 'response.output_text.delta') text += event.delta
    expect(text).toBe(whole.output_text)
    const stream = client.responses.stream(request)
    let snapshot = ''
    stream.on('response.output_text.delta', (event) => {
      snapshot = event.snapshot
    })
    const final = await stream.finalResponse()
    expect([snapshot, final.output_text, final.status]).toEqual([text, text, 'completed'])
    expect(final.usage).toEqual(whole.usage)
  })

  test('raises refusals', async () => {
    const { client } = await listen({ text: script })
    const refused = { ...request, store: true } satisfies OpenAI.Responses.ResponseCreateParams
    await expect(client.responses.create(refused)).rejects.toMatchObject({
      status: 400,
      code: 'not_supported',
      param: 'store',
    })
  })
})
