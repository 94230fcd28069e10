import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

const start = async (env: Record<string, string>) => {
  server = await startServer(env)
  return server
}
const image = (rows: number) => ({
  name: 'image',
  datatype: 'FP32',
  shape: [rows, 1, 28, 28],
  data: new Array(rows * 784).fill(0.5),
})
const post = (running: TestServer, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(new URL(path, running.url), {
    method: 'POST',
    headers,
    body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
  })
const digits = 'v2/models/digits/infer'

describe('a limit that is set', () => {
  test('of the time of a request ends a text, and a run whose timeout is longer', {
    timeout: 120_000,
  }, async () => {
    const running = await start({ SPILLWAY_MAX_TIMEOUT_SECONDS: '1' })
    // Far more steps than any machine makes in a second.
    const texts = { model: 'bard', prompt: 'Once', n: 128, max_tokens: 2_000, ignore_eos: true }
    const text = await post(running, 'v1/completions', texts)
    expect([text.status, (await text.json()).error.code]).toEqual([503, 'deadline_exceeded'])
    const thaw = running.freezeLanes()
    const run = await post(running, digits, {
      inputs: [image(1)],
      parameters: { timeout: 300_000_000 },
    })
    thaw()
    expect([run.status, run.headers.get(errorCodeHeader)]).toEqual([503, 'deadline_exceeded'])
  })

  test('of bodies holds for what they are decoded to, each protocol by its own', async () => {
    const running = await start({ SPILLWAY_MAX_BODY_BYTES: '20000', SPILLWAY_MAX_TEXT_BODY_BYTES: '500' })
    expect((await post(running, digits, { inputs: [image(1)] })).status).toBe(200)
    const large = { inputs: [image(10)] }
    expect((await post(running, digits, large)).status).toBe(413)
    const zipped = gzipSync(JSON.stringify(large))
    expect((await post(running, digits, zipped, { 'content-encoding': 'gzip' })).status).toBe(413)
    const chat = (length: number) => ({
      model: 'bard',
      prompt: 'Once',
      max_tokens: 1,
      user: 'x'.repeat(length),
    })
    expect((await post(running, 'v1/completions', chat(10))).status).toBe(200)
    expect((await post(running, 'v1/completions', chat(600))).status).toBe(413)
  })

  test('of rows refuses a request with more, in JSON, in binary tensors and raw', async () => {
    const running = await start({ SPILLWAY_MAX_ROWS: '2' })
    expect((await post(running, digits, { inputs: [image(2)] })).status).toBe(200)
    const { data: _data, ...described } = image(3)
    const elements = new Uint8Array(4 * 3 * 784)
    const json = Buffer.from(
      JSON.stringify({
        inputs: [{ ...described, parameters: { binary_data_size: elements.length } }],
      }),
    )
    const answers = await Promise.all([
      post(running, digits, { inputs: [image(3)] }),
      post(running, digits, Buffer.concat([json, elements]), { [jsonLengthHeader]: `${json.length}` }),
      post(running, digits, elements, { [jsonLengthHeader]: '0' }),
    ])
    for (const answer of answers) {
      expect([answer.status, answer.headers.get(errorCodeHeader)]).toEqual([413, 'body_too_large'])
      expect((await answer.json()).error).toContain('at most 2, got 3')
    }
  })

  test('of the time to finish ends the server while a lane hangs', async () => {
    const running = await start({ SPILLWAY_DRAIN_SECONDS: '1', SPILLWAY_HUNG_SECONDS: '600' })
    const thaw = running.freezeLanes()
    const handedOver = post(running, digits, { inputs: [image(1)] })
    // The request before it on another connection has been read.
    await fetch(new URL('v2/health/live', running.url))
    const code = await running.stop()
    thaw()
    expect(code).toBe(0)
    expect((await handedOver).status).toBe(503)
  })

  test('of idle connections closes them', async () => {
    const running = await start({ SPILLWAY_KEEP_ALIVE_SECONDS: '1' })
    const socket = connect(Number(running.url.port), running.url.hostname)
    await once(socket, 'connect')
    socket.write('GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n')
    await once(socket, 'data')
    await once(socket, 'close')
  })
})
