import { status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { admitBy } from '../../server/auth/limits/limit-requests.ts'
import { RateLimits } from '../../server/auth/limits/rate-limits.ts'
import { createMemoryStore } from '../../server/auth/limits/rate-store.ts'
import { createAddressOf } from '../../server/http/caller.ts'
import { echoModel } from '../support/echo-types.ts'
import { grpcClient, listenGrpc } from '../support/grpc.ts'
import { digits, type GrpcHarness, image, startGrpc } from '../support/grpc-harness.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { sendRawGrpc } from '../support/send-raw-grpc.ts'

let grpc: GrpcHarness
beforeAll(async () => {
  grpc = await startGrpc({ models: [await echoModel(['string'], 'words')] })
})
afterEach(() => {
  grpc.batches.length = 0
})
afterAll(() => grpc.close())

const open = (headers?: Record<string, string>) => grpc.client.stream('ModelStreamInfer', headers)

const queued = () => grpc.app.inference.stats().models.reduce((sum, { queued }) => sum + queued, 0)

test('each request of a stream is answered in its order, and they share runs', async () => {
  const { call, answers, ended } = open()
  for (let index = 0; index < 200; index++) call.write(digits({ id: `${index}` }))
  call.end()
  expect((await ended).code).toBe(0)
  expect(answers).toHaveLength(200)
  expect(answers.map(({ infer_response }) => infer_response)).toMatchObject(
    Array.from({ length: 200 }, (_, index) => ({ id: `${index}`, model_name: 'digits', outputs: [{}] })),
  )
  expect(answers.every(({ error_message }) => !error_message)).toBe(true)
  expect(grpc.batches.length).toBeLessThan(100)
})

test('an answer comes before the next request is sent', async () => {
  const { call, answers, ended } = open()
  for (let index = 1; index <= 3; index++) {
    call.write(digits())
    await expect.poll(() => answers.length).toBe(index)
  }
  call.end()
  expect((await ended).code).toBe(0)
})

test('a request that fails is answered with its error and its id, and the stream goes on', async () => {
  const requestId = 'a-stream-with-an-error'
  const { call, answers, ended } = open({ 'x-request-id': requestId })
  call.write(digits({ id: 'first' }))
  call.write(digits({ id: 'second', inputs: [{ ...image, shape: [1, 784] }] }))
  call.write(digits({ id: 'third', model_name: 'ghost' }))
  call.write(digits({ id: 'fourth' }))
  call.end()
  expect((await ended).code).toBe(0)
  expect(answers).toMatchObject([
    { infer_response: { id: 'first' } },
    { error_message: expect.stringContaining('shape'), infer_response: { id: 'second' } },
    { error_message: expect.stringContaining('ghost'), infer_response: { id: 'third' } },
    { infer_response: { id: 'fourth' } },
  ])
  const lines = grpc.lines.filter((line) => line.requestId === requestId)
  expect(lines.map(({ status }) => status)).toEqual(
    expect.arrayContaining(['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'OK', 'OK']),
  )
})

test('a large request is read in the offload thread beside others', async () => {
  const words = (count: number) => ({
    model_name: 'words',
    inputs: [
      {
        name: 'x_string',
        datatype: 'BYTES',
        shape: [count, 2],
        contents: { bytes_contents: Array.from({ length: 2 * count }, (_, at) => Buffer.from(`word ${at}`)) },
      },
    ],
  })
  const { call, answers, ended } = open()
  for (const count of [1, 16_000, 1, 16_000, 1]) call.write(words(count))
  call.end()
  expect((await ended).code).toBe(0)
  expect(answers.map(({ infer_response }) => infer_response)).toMatchObject(
    [1, 16_000, 1, 16_000, 1].map((count) => ({ outputs: [{ shape: [`${count}`, '2'] }] })),
  )
})

test('not more than 64 of one stream wait at once', async () => {
  const release = grpc.hold()
  const { call, answers, ended } = open()
  for (let index = 0; index < 150; index++) call.write(digits())
  call.end()
  await expect.poll(() => queued() + (grpc.batches.at(0) ?? 0)).toBe(64)
  release()
  expect((await ended).code).toBe(0)
  expect(answers).toHaveLength(150)
})

test('a stream that is cancelled drops what waits', async () => {
  const release = grpc.hold()
  const { call, ended } = open()
  for (let index = 0; index < 10; index++) call.write(digits())
  await expect.poll(queued).toBeGreaterThan(0)
  call.cancel()
  expect(status[(await ended).code]).toBe('CANCELLED')
  await expect.poll(queued).toBe(0)
  release()
  await expect.poll(() => grpc.server.calls).toBe(0)
})

test('each message counts against the limits of its caller', async () => {
  const limits = new RateLimits(createMemoryStore())
  const limit = admitBy(limits, { key: {}, address: { requestsPerMinute: 2 } }, createAddressOf(''))
  const server = await listenGrpc({ ...grpc.app, options: { ...grpc.app.options, limit } })
  const client = grpcClient(server.port)
  const { call, answers, ended } = client.stream('ModelStreamInfer')
  for (let index = 0; index < 3; index++) call.write(digits())
  call.end()
  await ended
  expect(answers.map(({ error_message }) => error_message)).toEqual([
    undefined,
    undefined,
    expect.stringContaining('Too many requests'),
  ])
  client.close()
  server.close()
})

test('a server that drains answers what a stream has, and ends it', async () => {
  const server = await listenGrpc(grpc.app)
  const client = grpcClient(server.port)
  const release = grpc.hold()
  const busy = client.stream('ModelStreamInfer')
  busy.call.write(digits({ id: 'in flight' }))
  const idle = client.stream('ModelStreamInfer')
  await expect.poll(() => [server.calls, grpc.batches.length]).toEqual([2, 1])
  server.drain()
  const { code, metadata } = await idle.ended
  expect([status[code], metadata.get('spillway-error')]).toEqual(['UNAVAILABLE', ['server_draining']])
  release()
  expect(status[(await busy.ended).code]).toBe('UNAVAILABLE')
  expect(busy.answers).toMatchObject([{ infer_response: { id: 'in flight' } }])
  client.close()
  server.close()
})

const send = (port: number, body: Uint8Array, isWhole: boolean) =>
  sendRawGrpc(port, 'ModelStreamInfer', body, { isWhole })

test.each([
  ['is no protobuf', Buffer.from([0, 0, 0, 0, 2, 0x0a, 0x09])],
  ['is longer than the limit', Buffer.from([0, 0xff, 0, 0, 0])],
  ['is not whole at the end', Buffer.from([0, 0, 0, 0, 9, 1])],
])('a message that %s ends the stream', async (_what, body) => {
  const { 'grpc-status': code } = await send(grpc.server.port, body, true)
  expect(['INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED']).toContain(status[Number(code)])
  expect((await grpc.infer(digits())).code).toBe(0)
})

test('a message has to arrive in time, and a stream without one may wait', async () => {
  const clock = createManualClock()
  const server = await listenGrpc(grpc.app, { clock, uploadMs: 1_000 })
  const waiting = send(server.port, Buffer.from([0, 0, 0]), false)
  const client = grpcClient(server.port)
  const idle = client.stream('ModelStreamInfer')
  await expect.poll(() => server.calls).toBe(2)
  // The pings of the two connections, and the message.
  await expect.poll(() => clock.waiting).toBe(3)
  clock.advance(1_000)
  expect(await waiting).toMatchObject({ 'grpc-status': String(status.DEADLINE_EXCEEDED) })
  idle.call.end()
  expect((await idle.ended).code).toBe(0)
  client.close()
  server.close()
})
