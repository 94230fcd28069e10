import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  await server.stop()
})

const million = 1_000_000
const digits = 'v2/models/digits/infer'
const chat = 'v1/chat/completions'
const messages = [{ role: 'user', content: 'Once upon a time' }]
const members = (count: number) => Array.from({ length: count }, (_, key) => `"${key}":1`).join(',')
const brackets = (count: number) => '['.repeat(count) + ']'.repeat(count)

const requests: [string, string, () => string, number, string][] = [
  [
    'a prompt of 3 MB',
    chat,
    () => JSON.stringify({ model: 'bard', messages: [{ role: 'user', content: 'a b '.repeat(750_000) }] }),
    400,
    'context_exceeded',
  ],
  [
    'a completion of 3 MB',
    'v1/completions',
    () => JSON.stringify({ model: 'bard', prompt: '\n'.repeat(3 * million) }),
    400,
    'context_exceeded',
  ],
  [
    'a chat of 30 MB',
    chat,
    () => JSON.stringify({ model: 'bard', messages: [{ role: 'user', content: 'a'.repeat(30 * million) }] }),
    413,
    'body_too_large',
  ],
  [
    'an infer request of 30 MB',
    digits,
    () =>
      `{"inputs":[{"name":"image","datatype":"FP32","shape":[1,1,28,28],"data":[${'1,'.repeat(15 * million - 100)}1]}]}`,
    400,
    'input_size_invalid',
  ],
  [
    '50,000 brackets',
    chat,
    () => `{"model":"bard","messages":${brackets(50_000)}}`,
    400,
    'request_malformed',
  ],
  [
    '50,000 brackets in a tensor',
    digits,
    () => `{"inputs":[{"data":${brackets(50_000)}}]}`,
    400,
    'request_malformed',
  ],
  ['50,000 brackets alone', digits, () => brackets(50_000), 400, 'request_malformed'],
  [
    'a million keys',
    chat,
    () => `{"model":"bard","messages":${JSON.stringify(messages)},"metadata":{${members(600_000)}}}`,
    400,
    'request_malformed',
  ],
  [
    'a million parameters',
    digits,
    () => `{"inputs":[],"parameters":{${members(million)}}}`,
    400,
    'request_malformed',
  ],
  [
    'half a million biases',
    chat,
    () => `{"model":"bard","messages":${JSON.stringify(messages)},"logit_bias":{${members(600_000)}}}`,
    400,
    'request_malformed',
  ],
  [
    '2,000 biases',
    chat,
    () => `{"model":"bard","messages":${JSON.stringify(messages)},"logit_bias":{${members(2_000)}}}`,
    400,
    'request_malformed',
  ],
  [
    'a million messages',
    chat,
    () => `{"model":"bard","messages":[${'1,'.repeat(million)}1]}`,
    400,
    'request_malformed',
  ],
  ['a million inputs', digits, () => `{"inputs":[${'{},'.repeat(million)}{}]}`, 400, 'request_malformed'],
  [
    'millions of tokens, of which the last is none',
    'v1/completions',
    () => `{"model":"bard","prompt":[${'1,'.repeat(3 * million)}"a"]}`,
    400,
    'request_malformed',
  ],
  [
    'a token past the vocabulary',
    'v1/completions',
    () => JSON.stringify({ model: 'bard', prompt: [1, 2, 10 ** 9] }),
    400,
    'input_value_invalid',
  ],
  [
    'a bias of a token past the vocabulary',
    'v1/completions',
    () => JSON.stringify({ model: 'bard', prompt: 'a', logit_bias: { 5: 1, 1000000000: 1 } }),
    400,
    'input_value_invalid',
  ],
  [
    'a chat with a model for pictures',
    chat,
    () => JSON.stringify({ model: 'digits', messages }),
    400,
    'not_supported',
  ],
]

describe('the server answers its health beside', () => {
  test.each(requests)('%s', async (_what, path, body, status, code) => {
    const sent = body()
    // Long enough for a busy machine, and far less than the faults took: seconds to minutes of CPU.
    const within = () => AbortSignal.timeout(10_000)
    const answer = fetch(new URL(path, server.url), { method: 'POST', body: sent, signal: within() })
    let isAnswered = false
    const settled = answer.finally(() => {
      isAnswered = true
    })
    while (!isAnswered) {
      const live = await fetch(new URL('v2/health/live', server.url), { signal: AbortSignal.timeout(2_000) })
      expect(await live.json()).toEqual({ live: true })
    }
    const response = await settled
    expect([response.status, response.headers.get('spillway-error')]).toEqual([status, code])
    expect((await response.text()).length).toBeLessThan(2_000)
  })

  test('and logs no stack for any of them', () => {
    expect(server.log.filter(({ err }) => err !== undefined)).toEqual([])
  })
})
