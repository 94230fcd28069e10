import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import type { Allowance } from '../../server/auth/limits/rate-limits.ts'
import { textMetrics } from '../../server/observability/text-metrics.ts'
import { EventRelay } from '../../server/upstream/openai/event-relay.ts'
import { readForwarded } from '../../server/upstream/openai/forwarded-request.ts'
import { ForwardedTexts } from '../../server/upstream/openai/forwarded-texts.ts'
import { createManualClock } from '../support/manual-clock.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const chunk = (fields: object, model = 'org/tiny') => JSON.stringify({ id: 'c', model, ...fields })
const text = (content: string, finish: string | null = null, index = 0) =>
  chunk({ choices: [{ index, delta: { content }, finish_reason: finish }] })
const usage = chunk({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 } })

function open(fields: object = {}, kind: 'chat' | 'response' = 'chat') {
  const clock = createManualClock()
  const body = {
    model: 'tiny',
    messages: [{ role: 'user', content: 'Hello there' }],
    stream: true,
    ...fields,
  }
  const request = readForwarded(kind, JSON.stringify(body), body, 'org/tiny')
  const registry = new Registry()
  const record = textMetrics(registry, clock, ['tiny']).forRequest(
    'tiny',
    request.texts,
    request.promptTokens,
  )
  const used: number[] = []
  const allowance: Allowance = {
    use: async () => {},
    record: (_what, count) => void used.push(count),
    release: () => {},
  }
  const texts = new ForwardedTexts(request, record, allowance, clock)
  return { relay: new EventRelay(request, texts), texts, record, registry, used, clock }
}

describe('EventRelay', () => {
  test('gives the events under the model’s id here, wherever their bytes are cut', () => {
    const sent = bytes(
      `: ping\r\n\r\ndata: ${text('né')}\r\n\r\nid: 7\ndata: ${text('🦊', 'stop')}\n\ndata: ${usage}\n\ndata: [DONE]\n\n`,
    )
    const expected = `: ping\n\ndata: ${text('né').replace('org/tiny', 'tiny')}\n\ndata: ${text('🦊', 'stop').replace('org/tiny', 'tiny')}\n\ndata: [DONE]\n\n`
    for (let cut = 0; cut < sent.length; cut++) {
      const { relay } = open()
      expect(relay.feed(sent.subarray(0, cut)) + relay.feed(sent.subarray(cut))).toBe(expected)
      expect(relay.isDone).toBe(true)
    }
    const { relay } = open()
    expect([...sent].map((byte) => relay.feed(Uint8Array.of(byte))).join('')).toBe(expected)
  })

  test('leaves what it does not know as it is written', () => {
    const { relay } = open()
    const odd =
      '"x":{"seed":9223372036854775807,"p":1.50,"model":"org/tiny"},"choices":[{"index":0,"delta":{}}]'
    expect(relay.feed(bytes(`data: {"model":"org/tiny",${odd}}\n\n`))).toBe(
      `data: {"model":"tiny",${odd}}\n\n`,
    )
  })

  test('joins the lines of an event that has several', () => {
    const { relay } = open()
    expect(relay.feed(bytes('data: {"model":"org/tiny",\ndata: "choices":[]}\n\n'))).toBe(
      'data: {"model":"tiny","choices":[]}\n\n',
    )
  })

  test('passes usage on to clients that have asked for it, and to no others', () => {
    const withNull = chunk({ choices: [{ index: 0, delta: {} }], usage: null })
    const asked = open({ stream_options: { include_usage: true } })
    const answer = asked.relay.feed(bytes(`data: ${withNull}\n\ndata: ${usage}\n\n`))
    expect(answer).toContain('"usage":null')
    expect(answer).toContain('"completion_tokens":5')
    const unasked = open()
    expect(unasked.relay.feed(bytes(`data: ${withNull}\n\ndata: ${usage}\n\n`))).not.toContain('usage')
  })

  test.each([
    [
      'vLLM',
      `data: {"error":{"message":"EngineCore","type":"InternalServerError","code":500}}\n\ndata: [DONE]\n\n`,
    ],
    ['llama.cpp', 'error: {"code":500,"message":"broken","type":"server_error"}\n\n'],
    ['another Spillway', 'data: {"error":{"message":"Full","code":"overloaded","retry_after_ms":70}}\n\n'],
  ])('ends with the error that %s sends within a stream, after what came before it', (name, event) => {
    const { relay } = open()
    expect(relay.feed(bytes(`data: ${text('a')}\n\n${event}`))).toContain('"a"')
    expect(relay.failure).toMatchObject(
      name === 'another Spillway'
        ? { code: 'overloaded', detail: { retryAfterMs: 70 } }
        : { code: 'server_response_invalid', message: expect.stringContaining('The engine of tiny failed') },
    )
    expect(relay.isDone).toBe(false)
  })

  test.each([
    'data: {"model"\n\n',
    'data: 7\n\n',
    'data: null\n\n',
    'data: []\n\n',
    `data: ${'x'.repeat(5_000_000)}`,
  ])('ends at an event that is no JSON object', (event) => {
    const { relay } = open()
    relay.feed(bytes(event))
    expect(relay.failure).toMatchObject({ code: 'server_response_invalid' })
  })

  test('takes a stream without [DONE] for complete where its texts have ended, and for cut where not', () => {
    const complete = open({ n: 2 })
    complete.relay.feed(bytes(`data: ${text('a', 'stop')}\n\ndata: ${text('b', 'length', 1)}\n\n`))
    expect(complete.relay.end()).toBe('data: [DONE]\n\n')
    const cut = open({ n: 2 })
    cut.relay.feed(bytes(`data: ${text('a', 'stop')}\n\ndata: ${text('b', null, 1)}\n\n`))
    expect(() => cut.relay.end()).toThrow(expect.objectContaining({ code: 'server_unreachable' }))
    expect(() => open().relay.end()).toThrow(expect.objectContaining({ code: 'server_unreachable' }))
  })
})

describe('ForwardedTexts', () => {
  const metric = async (registry: Registry, name: string) =>
    (await registry.getSingleMetricAsString(name)).split('\n').filter((line) => !line.startsWith('#'))

  test('counts tokens by the engine’s usage, and times by when they came', async () => {
    const { relay, texts, record, registry, used, clock } = open()
    clock.advance(200)
    relay.feed(
      bytes(`data: ${chunk({ choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] })}\n\n`),
    )
    expect(record.firstTokenMs).toBeUndefined()
    clock.advance(50)
    relay.feed(bytes(`data: ${text('a')}\n\n`))
    clock.advance(40)
    relay.feed(bytes(`data: ${text('b', 'length')}\n\ndata: ${usage}\n\ndata: [DONE]\n\n`))
    texts.end()
    expect(record).toMatchObject({ firstTokenMs: 250, tokens: 5, promptTokens: 9 })
    expect(used).toEqual([14])
    expect(await metric(registry, 'vllm:generation_tokens_total')).toEqual([
      'vllm:generation_tokens_total{model_name="tiny"} 5',
    ])
    expect(await metric(registry, 'vllm:request_success_total')).toContain(
      'vllm:request_success_total{model_name="tiny",finished_reason="length"} 1',
    )
    expect(await metric(registry, 'vllm:request_time_per_output_token_seconds')).toContain(
      'vllm:request_time_per_output_token_seconds_sum{model_name="tiny"} 0.04',
    )
  })

  test('counts tokens by their ids where the engine names them, and calls of tools as well', () => {
    const { relay, record } = open()
    relay.feed(
      bytes(`data: ${chunk({ choices: [{ index: 0, delta: { content: 'ab' }, token_ids: [1, 2] }] })}\n\n`),
    )
    relay.feed(
      bytes(`data: ${chunk({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0 }] } }] })}\n\n`),
    )
    expect(record.tokens).toBe(3)
  })

  test('charges a text that was left for its prompt and what came of it, and one that was refused for nothing', () => {
    const left = open()
    left.relay.feed(bytes(`data: ${text('a')}\n\ndata: ${text('b')}\n\n`))
    left.texts.fail('aborted')
    // About three tokens of the prompt, and two of the text.
    expect(left.used).toEqual([5])
    const unbegun = open()
    unbegun.texts.fail('aborted')
    expect(unbegun.used).toEqual([3])
    const refused = open()
    refused.texts.fail('overloaded')
    expect(refused.used).toEqual([])
  })
})

describe('the events of a response', () => {
  const event = (type: string, fields: object = {}) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const response = (fields: object = {}) => ({
    response: { object: 'response', model: 'org/tiny', status: 'in_progress', ...fields },
  })
  const delta = event('response.output_text.delta', { delta: 'Once' })

  test('keep their names, and end with the response', () => {
    const { relay, texts, used } = open({ input: 'a', messages: undefined }, 'response')
    const begun = event('response.created', response())
    expect(relay.feed(bytes(begun))).toBe(begun.replace('org/tiny', 'tiny'))
    expect(relay.feed(bytes(delta))).toBe(delta)
    expect(relay.isDone).toBe(false)
    const usage = { input_tokens: 9, output_tokens: 5 }
    relay.feed(bytes(event('response.completed', response({ status: 'completed', usage }))))
    expect([relay.isDone, texts.haveEnded]).toEqual([true, true])
    texts.end()
    expect(used).toEqual([14])
  })

  test.each([
    ['error', { code: '500', message: 'Out of memory', param: null }],
    [
      'response.failed',
      response({ status: 'failed', error: { code: 'server_error', message: 'Out of memory' } }),
    ],
  ])('fail by %s', (type, fields) => {
    const { relay } = open({}, 'response')
    relay.feed(bytes(delta + event(type, fields)))
    expect(relay.failure?.cause).toMatchObject({ message: expect.stringContaining('Out of memory') })
  })

  test('are cut off where they end without the response', () => {
    const { relay } = open({}, 'response')
    relay.feed(bytes(delta))
    expect(() => relay.end()).toThrow(expect.objectContaining({ code: 'server_unreachable' }))
  })
})

test('a response that grows goes to the replica that has read its beginning', () => {
  const read = (input: unknown) =>
    readForwarded('response', '{}', { model: 'tiny', instructions: 'Be brief', input }, 'org/tiny')
  const items = [
    { role: 'user', content: 'Hello there' },
    { role: 'assistant', content: 'Hi' },
  ]
  expect(read(items)).toMatchObject({ texts: 1, affinity: read(items.slice(0, 1)).affinity })
  expect(read(items).affinity).not.toBe(read([{ role: 'user', content: 'Bye' }]).affinity)
})
