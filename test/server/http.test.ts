import { connect } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer({ SPILLWAY_MAX_BODY_BYTES: '1000000', SPILLWAY_KEEP_ALIVE_SECONDS: '30' })
})
afterAll(async () => {
  await server.stop()
})

const at = (path: string) => new URL(path, server.url)
const infer = '/v2/models/digits/infer'
const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
})
const post = (bytes: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(at(infer), { method: 'POST', body: bytes, headers })
const outcome = (response: Response) => [response.status, response.headers.get(errorCodeHeader)]

describe('a compressed body', () => {
  test.each([
    ['gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['deflate', deflateRawSync(body)],
    ['identity', Buffer.from(body)],
  ])('in %s is taken', async (encoding, bytes) => {
    const response = await post(new Uint8Array(bytes), { 'content-encoding': encoding })
    expect((await response.json()).outputs[0].shape).toEqual([1, 10])
  })

  test('is taken by the OpenAI API, too', async () => {
    const response = await fetch(at('/v1/completions'), {
      method: 'POST',
      body: new Uint8Array(gzipSync(JSON.stringify({ model: 'bard', prompt: 'Once', max_tokens: 1 }))),
      headers: { 'content-encoding': 'gzip' },
    })
    expect((await response.json()).usage.completion_tokens).toBe(1)
  })

  test('is bounded by what it holds', async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(100_000_000)))
    expect(bomb.length).toBeLessThan(200_000)
    expect(outcome(await post(bomb, { 'content-encoding': 'gzip' }))).toEqual([413, 'body_too_large'])
  })

  test('in another encoding is 415, and one that is broken 400', async () => {
    const brotli = new Uint8Array(brotliCompressSync(body))
    expect(outcome(await post(brotli, { 'content-encoding': 'br' }))).toEqual([415, 'encoding_unsupported'])
    expect(outcome(await post(body, { 'content-encoding': 'gzip' }))).toEqual([400, 'request_malformed'])
  })
})

describe('a body over the limit', () => {
  test.each([
    ['with its length', 'content-length: 1000000000'],
    ['in chunks', 'transfer-encoding: chunked'],
  ])('%s is not read on after its answer', async (_how, header) => {
    const socket = connect(Number(server.url.port), '127.0.0.1')
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(`POST ${infer} HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`)
    const part = Buffer.alloc(2 ** 16, 32)
    const chunk = header.startsWith('transfer')
      ? Buffer.concat([Buffer.from('10000\r\n'), part, Buffer.from('\r\n')])
      : part
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    const send = () => {
      // The server resets the connection in the end.
      for (let isWritten = true; isWritten && !socket.destroyed; ) isWritten = socket.write(chunk)
    }
    socket.on('drain', send)
    send()
    await closed
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer.toLowerCase()).toContain('connection: close')
    // What the limit allows, and what the sockets' buffers hold.
    expect(socket.bytesWritten).toBeLessThan(30_000_000)
  })

  test('gives its answer to a client that sends everything first', async () => {
    for (let time = 0; time < 5; time++)
      expect(outcome(await post(new Uint8Array(20_000_000)))).toEqual([413, 'body_too_large'])
  })
})

test.each([
  ['GET', infer, 'POST'],
  ['DELETE', '/v2/models/digits', 'GET, HEAD'],
  ['POST', '/v2/health/live', 'GET, HEAD'],
  ['PUT', '/v1/models', 'GET, HEAD'],
  ['GET', '/v1/chat/completions', 'POST'],
])('%s %s is 405 with the methods that it takes', async (method, path, allow) => {
  const response = await fetch(at(path), { method })
  expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
})

test('the OpenAI API has its own form of errors at every path', async () => {
  for (const [method, path, status] of [
    ['GET', '/v1/nothing', 404],
    ['GET', '/v1', 404],
    ['GET', '/v1/', 404],
    ['GET', '/v1/models/nobody', 404],
    ['GET', '/v1/embeddings', 405],
    ['POST', '/v1/audio/transcriptions', 404],
    ['POST', '/v1/chat/completions/', 404],
    ['DELETE', '/v1/files/file-1', 404],
  ] as const) {
    const response = await fetch(at(path), { method })
    expect(response.status).toBe(status)
    expect(response.headers.get(errorCodeHeader)).not.toBeNull()
    expect(await response.json()).toEqual({
      error: {
        message: expect.any(String),
        type: 'invalid_request_error',
        param: null,
        code: expect.any(String),
      },
    })
  }
})

test('every other path has the Open Inference Protocol’s form of errors', async () => {
  for (const [method, path, status] of [
    ['GET', '/nothing', 404],
    ['GET', '/v1x', 404],
    ['GET', '/v2/nothing', 404],
    ['GET', '/v2/models/digits/versions/1/nothing', 404],
    ['POST', '/v2/models/digits/generate', 404],
    ['GET', '/v2/repository/models/digits/load', 405],
    ['DELETE', '/v2/models/digits', 405],
  ] as const) {
    const response = await fetch(at(path), { method })
    expect([response.status, response.headers.get(errorCodeHeader)]).toEqual([status, 'request_malformed'])
    expect(await response.json()).toEqual({ error: expect.stringContaining(path) })
  }
})

test('GET /v2/ answers as /v2', async () => {
  const [one, other] = await Promise.all([fetch(at('/v2')), fetch(at('/v2/'))])
  expect(await other.json()).toEqual(await one.json())
})

test('every answer has the request’s id, or a new one, and the log has it', async () => {
  for (const path of ['/v2/health/live', '/v1/models/nobody', '/nothing']) {
    const given = await fetch(at(path), { headers: { 'x-request-id': 'mine-1' } })
    expect(given.headers.get('x-request-id')).toBe('mine-1')
    const made = await fetch(at(path))
    expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  }
  const answer = await post(body, { 'x-request-id': 'mine-2' })
  expect([answer.status, answer.headers.get('x-request-id')]).toEqual([200, 'mine-2'])
  const odd = await post(body, { 'x-request-id': 'x'.repeat(201) })
  expect(odd.headers.get('x-request-id')).toHaveLength(36)
  await expect.poll(() => server.log).toContainEqual(expect.objectContaining({ requestId: 'mine-2' }))
})

test('a connection without a request stays open as long as it is set', async () => {
  const response = await fetch(at('/v2/health/live'))
  expect(response.headers.get('keep-alive')).toBe('timeout=30')
})

test('the log says of what a lane died', async () => {
  const [lane = 0] = server.lanes()
  process.kill(lane, 'SIGKILL')
  await expect
    .poll(() => server.log)
    .toContainEqual(
      expect.objectContaining({
        msg: 'Lane died',
        pid: lane,
        code: 'lane_lost',
        reason: expect.stringContaining('killed by SIGKILL'),
      }),
    )
})
