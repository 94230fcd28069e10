import { status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { requestLimits } from '../../server/request-limits.ts'
import { echoModel } from '../support/echo-types.ts'
import {
  codeOf,
  digits,
  type GrpcHarness,
  image,
  imageElements,
  maxBodyBytes,
  raw,
  startGrpc,
} from '../support/grpc-harness.ts'

let grpc: GrpcHarness
beforeAll(async () => {
  grpc = await startGrpc({
    maxQueued: 80,
    requestLimits: { ...requestLimits, maxRows: 100 },
    models: [await echoModel(['float16', 'int8'], 'half'), await echoModel(['string'], 'words')],
  })
})
afterAll(() => grpc.close())
afterEach(() => {
  grpc.batches.length = 0
})

describe('a call is refused with its status', () => {
  const contents = { fp32_contents: imageElements }
  const parameter = (name: string, value: object) => ({ parameters: { [name]: value } })
  test.each<[string, object, string, string]>([
    ['an unknown model', digits({ model_name: 'ghost' }), 'NOT_FOUND', 'model_unknown'],
    ['an unknown version', digits({ model_version: '9' }), 'NOT_FOUND', 'model_unknown'],
    [
      'an unknown input',
      digits({ inputs: [{ ...image, name: 'x' }] }),
      'INVALID_ARGUMENT',
      'input_name_invalid',
    ],
    [
      'another datatype',
      digits({ inputs: [{ ...image, datatype: 'INT8' }] }),
      'INVALID_ARGUMENT',
      'input_type_invalid',
    ],
    [
      'another shape',
      digits({ inputs: [{ ...image, shape: [1, 784] }] }),
      'INVALID_ARGUMENT',
      'input_shape_invalid',
    ],
    [
      'a negative size',
      digits({ inputs: [{ ...image, shape: [-1, 1, 28, 28] }] }),
      'INVALID_ARGUMENT',
      'input_shape_invalid',
    ],
    [
      'too few bytes',
      digits({ raw_input_contents: raw(new Float32Array(3)) }),
      'INVALID_ARGUMENT',
      'input_size_invalid',
    ],
    [
      'more raw contents than inputs',
      digits({ raw_input_contents: raw(...digits().raw_input_contents, ...digits().raw_input_contents) }),
      'INVALID_ARGUMENT',
      'request_malformed',
    ],
    [
      'elements in both forms',
      digits({ inputs: [{ ...image, contents }] }),
      'INVALID_ARGUMENT',
      'request_malformed',
    ],
    [
      'more rows than a request may have',
      digits({ inputs: [{ ...image, shape: [101, 1, 28, 28] }] }),
      'RESOURCE_EXHAUSTED',
      'body_too_large',
    ],
    ['no elements', digits({ raw_input_contents: [] }), 'INVALID_ARGUMENT', 'input_size_invalid'],
    [
      'too few elements',
      digits({ raw_input_contents: [], inputs: [{ ...image, contents: { fp32_contents: [1] } }] }),
      'INVALID_ARGUMENT',
      'input_size_invalid',
    ],
    [
      'elements of another datatype',
      digits({
        raw_input_contents: [],
        inputs: [{ ...image, contents: { int_contents: new Array(784).fill(1) } }],
      }),
      'INVALID_ARGUMENT',
      'input_type_invalid',
    ],
    ['an unknown output', digits({ outputs: [{ name: 'x' }] }), 'INVALID_ARGUMENT', 'output_name_invalid'],
    [
      'a parameter that is not supported',
      digits(parameter('sequence_id', { int64_param: 7 })),
      'INVALID_ARGUMENT',
      'not_supported',
    ],
    [
      'an invalid priority',
      digits(parameter('priority', { string_param: 'high' })),
      'INVALID_ARGUMENT',
      'request_malformed',
    ],
    [
      'FP16 in contents',
      {
        model_name: 'half',
        inputs: [{ name: 'x_float16', datatype: 'FP16', shape: [1, 2], contents: { fp32_contents: [1, 2] } }],
      },
      'INVALID_ARGUMENT',
      'not_supported',
    ],
    [
      'a number that does not fit',
      {
        model_name: 'half',
        inputs: [{ name: 'x_int8', datatype: 'INT8', shape: [1, 2], contents: { int_contents: [1, 200] } }],
      },
      'INVALID_ARGUMENT',
      'input_value_invalid',
    ],
    [
      'bytes that are not UTF-8',
      {
        model_name: 'words',
        inputs: [
          {
            name: 'x_string',
            datatype: 'BYTES',
            shape: [1, 2],
            contents: { bytes_contents: [Buffer.from([0xff]), Buffer.from('')] },
          },
        ],
      },
      'INVALID_ARGUMENT',
      'input_value_invalid',
    ],
    [
      'a message that is too long',
      digits({ raw_input_contents: raw(new Uint8Array(maxBodyBytes)) }),
      'RESOURCE_EXHAUSTED',
      'body_too_large',
    ],
    [
      'too many fields',
      digits({ outputs: new Array(140_000).fill({ name: '' }) }),
      'INVALID_ARGUMENT',
      'request_malformed',
    ],
  ])('%s', async (_what, message, name, code) => {
    const answer = await grpc.infer(message)
    expect(codeOf(answer), answer.details).toEqual([name, code])
    expect(answer.details).not.toContain('%')
    // The server goes on.
    expect((await grpc.infer(digits())).code).toBe(0)
  })

  test('a full queue, with the time after which to try again', async () => {
    const release = grpc.hold()
    const calls = Array.from({ length: 200 }, () => grpc.infer(digits()))
    const refused = await Promise.race(calls)
    expect(codeOf(refused)).toEqual(['RESOURCE_EXHAUSTED', 'overloaded'])
    expect(refused.metadata).toMatchObject({
      'retry-after': expect.stringMatching(/^\d+$/),
      'grpc-retry-pushback-ms': expect.stringMatching(/^\d+$/),
    })
    release()
    await Promise.all(calls)
  })
})

describe('a call ends early', () => {
  test('at the timeout of the request', async () => {
    const release = grpc.hold()
    const answer = await grpc.infer(digits({ parameters: { timeout: { int64_param: 20_000 } } }))
    expect(codeOf(answer)).toEqual(['DEADLINE_EXCEEDED', 'deadline_exceeded'])
    release()
  })

  test('at the deadline of the call', async () => {
    const release = grpc.hold()
    // As a header: with an own deadline the client would end the call by itself.
    const answer = await grpc.infer(digits(), { 'grpc-timeout': '20m' })
    expect(codeOf(answer)).toEqual(['DEADLINE_EXCEEDED', 'deadline_exceeded'])
    release()
    expect(codeOf(await grpc.infer(digits(), { 'grpc-timeout': 'soon' }))).toEqual([
      'INVALID_ARGUMENT',
      'request_malformed',
    ])
    // Timers of so many milliseconds would be due at once.
    expect((await grpc.infer(digits(), { 'grpc-timeout': '99999999H' })).code).toBe(0)
  })

  test('when its client cancels it: it is not run', async () => {
    const release = grpc.hold()
    const first = grpc.infer(digits())
    await expect.poll(() => grpc.batches.length).toBe(1)
    const requestId = 'cancelled-by-its-client'
    const waiting = grpc.infer(digits(), { 'x-request-id': requestId })
    await expect.poll(() => grpc.app.inference.stats().models.some(({ queued }) => queued > 0)).toBe(true)
    waiting.cancel()
    expect(status[(await waiting).code]).toBe('CANCELLED')
    expect(await grpc.lineOf(requestId)).toMatchObject({ status: 'CANCELLED', code: 'aborted' })
    release()
    await first
    expect(grpc.batches).toEqual([1])
    expect(grpc.server.calls).toBe(0)
  })
})
