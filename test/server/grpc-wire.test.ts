import { connect } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { compressionAlgorithms, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { grpcClient, inferenceService } from '../support/grpc.ts'
import {
  digits,
  type GrpcHarness,
  image,
  imageElements,
  maxBodyBytes,
  startGrpc,
} from '../support/grpc-harness.ts'
import { seeded } from '../support/seeded.ts'

let grpc: GrpcHarness
beforeAll(async () => {
  grpc = await startGrpc()
})
afterAll(() => grpc.close())

const method = inferenceService.ModelInfer
const headers = {
  ':method': 'POST',
  ':path': method?.path ?? '',
  'content-type': 'application/grpc',
  te: 'trailers',
}
const message = method?.requestSerialize(digits()) ?? Buffer.alloc(0)
const framed = (bytes: Uint8Array, flag = 0, length = bytes.length) => {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, bytes])
}

/** Sends bytes in one call of a session of its own; resolves to its headers and trailers. */
async function send(body: Uint8Array | readonly Uint8Array[], more: Record<string, string> = {}) {
  const session = connect(`http://127.0.0.1:${grpc.server.port}`)
  const stream = session.request({ ...headers, ...more })
  const received: Record<string, unknown> = {}
  stream.on('response', (headers) => Object.assign(received, headers))
  stream.on('trailers', (trailers) => Object.assign(received, trailers))
  stream.on('error', () => {})
  const closed = new Promise((resolve) => stream.once('close', resolve))
  stream.resume()
  for (const part of body instanceof Uint8Array ? [body] : body) stream.write(part)
  stream.end()
  await closed
  session.close()
  return { ...received, rstCode: stream.rstCode }
}

test('a message may come in pieces, and compressed', async () => {
  const bytes = framed(message)
  const pieces = Array.from({ length: 50 }, (_, index) =>
    bytes.subarray(Math.floor((index * bytes.length) / 50), Math.floor(((index + 1) * bytes.length) / 50)),
  )
  expect(await send(pieces)).toMatchObject({ 'grpc-status': '0' })
  const gzip = { 'grpc-encoding': 'gzip' }
  expect(await send(framed(gzipSync(message), 1), gzip)).toMatchObject({ 'grpc-status': '0' })
  // Within a compressed call a message need not be compressed.
  expect(await send(framed(message), gzip)).toMatchObject({ 'grpc-status': '0' })
  const compressing = grpcClient(grpc.server.port, inferenceService, {
    'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
  })
  expect((await compressing.call('ModelInfer', digits())).code).toBe(0)
  compressing.close()
})

test.each<[string, Uint8Array, Record<string, string>, number, string]>([
  ['nothing', Buffer.alloc(0), {}, status.INVALID_ARGUMENT, 'request_malformed'],
  ['half of a prefix', Buffer.from([0, 0]), {}, status.INVALID_ARGUMENT, 'request_malformed'],
  [
    'less than the prefix says',
    framed(message, 0, message.length + 1),
    {},
    status.INVALID_ARGUMENT,
    'request_malformed',
  ],
  [
    'more than one message',
    Buffer.concat([framed(message), framed(message)]),
    {},
    status.INVALID_ARGUMENT,
    'request_malformed',
  ],
  [
    'a length past the limit',
    framed(message, 0, 2 ** 32 - 1),
    {},
    status.RESOURCE_EXHAUSTED,
    'body_too_large',
  ],
  ['an unknown flag', framed(message, 7), {}, status.INVALID_ARGUMENT, 'request_malformed'],
  [
    'a compressed message without an encoding',
    framed(gzipSync(message), 1),
    {},
    status.INVALID_ARGUMENT,
    'request_malformed',
  ],
  [
    'bytes that are not gzip',
    framed(message, 1),
    { 'grpc-encoding': 'gzip' },
    status.INVALID_ARGUMENT,
    'request_malformed',
  ],
  [
    'a compressed message that is long',
    framed(gzipSync(Buffer.alloc(2 * maxBodyBytes)), 1),
    { 'grpc-encoding': 'gzip' },
    status.RESOURCE_EXHAUSTED,
    'body_too_large',
  ],
  [
    'an unknown encoding',
    framed(message),
    { 'grpc-encoding': 'zstd' },
    status.UNIMPLEMENTED,
    'encoding_unsupported',
  ],
  ['a truncated field', framed(message.subarray(0, 20)), {}, status.INVALID_ARGUMENT, 'request_malformed'],
  ['text', framed(Buffer.from('{"inputs": []}')), {}, status.INVALID_ARGUMENT, 'request_malformed'],
  ['a group', framed(Buffer.from([0x0b, 0x0c])), {}, status.INVALID_ARGUMENT, 'request_malformed'],
  [
    'a name that is not UTF-8',
    framed(Buffer.from([0x0a, 0x02, 0xc3, 0x28])),
    {},
    status.INVALID_ARGUMENT,
    'request_malformed',
  ],
])('%s is refused', async (_what, body, more, code, error) => {
  expect(await send(body, more)).toMatchObject({ 'grpc-status': String(code), 'spillway-error': error })
  expect((await grpc.infer(digits())).code).toBe(0)
})

test('another content type is no gRPC', async () => {
  expect(await send(framed(message), { 'content-type': 'application/json' })).toMatchObject({
    ':status': 415,
  })
})

test('a connection that is reset in the middle of a message leaves nothing behind', async () => {
  const session = connect(`http://127.0.0.1:${grpc.server.port}`)
  session.on('error', () => {})
  const stream = session.request({ ...headers, 'x-request-id': 'reset-in-the-middle' })
  stream.on('error', () => {})
  stream.write(framed(message).subarray(0, 1_000))
  await expect.poll(() => grpc.server.calls).toBe(1)
  session.destroy()
  expect(await grpc.lineOf('reset-in-the-middle')).toMatchObject({ status: 'CANCELLED', code: 'aborted' })
  await expect.poll(() => grpc.server.calls).toBe(0)
})

test('random changes of messages are refused or answered, and none is a fault of the server', async () => {
  const random = seeded(7)
  const below = (limit: number) => Math.floor(random() * limit)
  const typed = digits({
    raw_input_contents: [],
    inputs: [{ ...image, contents: { fp32_contents: imageElements } }],
    parameters: { timeout: { int64_param: 5_000_000 }, priority: { int64_param: 1 } },
  })
  const sources = [message, method?.requestSerialize(typed) ?? message]
  const mutate = (): Uint8Array => {
    const bytes = Uint8Array.from(sources[below(2)] ?? message)
    // Nearly all of a message is elements: most changes go into what comes before and after them.
    const places = random() < 0.8 ? 60 : bytes.length
    for (let changes = 1 + below(4); changes > 0; changes--) bytes[below(places)] = below(256)
    return random() < 0.2 ? bytes.subarray(0, below(bytes.length)) : bytes
  }
  const faults: unknown[] = []
  for (let round = 0; round < 20; round++) {
    const bodies = Array.from({ length: 25 }, () => framed(mutate()))
    const answers = await Promise.all(bodies.map((body) => send(body)))
    for (const [at, answer] of answers.entries()) {
      const code = Reflect.get(answer, 'grpc-status')
      const isFault = code === undefined || [status.INTERNAL, status.UNKNOWN].includes(Number(code))
      if (isFault) faults.push({ answer, body: bodies[at]?.toString('hex', 0, 100) })
    }
  }
  expect(faults).toEqual([])
  expect((await grpc.infer(digits())).code).toBe(0)
})
