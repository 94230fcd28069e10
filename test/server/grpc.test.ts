import { status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { tensorTypes } from '../../models/core/index.ts'
import { echoModel } from '../support/echo-types.ts'
import { digits, type GrpcHarness, image, imageElements, raw, startGrpc } from '../support/grpc-harness.ts'

const allTypes = tensorTypes.filter((type) => type !== 'float16')

let grpc: GrpcHarness
beforeAll(async () => {
  grpc = await startGrpc({
    models: [
      await echoModel(allTypes),
      await echoModel(['float16', 'int8'], 'half'),
      await echoModel(['string'], 'words'),
    ],
  })
})
afterAll(() => grpc.close())
afterEach(() => {
  grpc.batches.length = 0
})

describe('the methods', () => {
  test('tell what the server is and has', async () => {
    expect(await grpc.client.call('ServerLive')).toMatchObject({ code: 0, value: { live: true } })
    expect(await grpc.client.call('ServerReady')).toMatchObject({ code: 0, value: { ready: true } })
    expect(await grpc.client.call('ServerMetadata')).toMatchObject({
      value: { name: 'spillway', version: '0.0.0-test' },
    })
    expect(await grpc.client.call('ModelReady', { name: 'digits', version: '1' })).toMatchObject({
      value: { ready: true },
    })
    expect((await grpc.client.call('ModelMetadata', { name: 'digits' })).value).toEqual({
      name: 'digits',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'image', datatype: 'FP32', shape: ['-1', '1', '28', '28'] }],
      outputs: [{ name: 'logits', datatype: 'FP32', shape: ['-1', '10'] }],
    })
  })

  test('answer with what the HTTP route answers', async () => {
    const response = await grpc.app.request('/v2/models/digits/infer', {
      method: 'POST',
      body: JSON.stringify({ inputs: [{ ...image, data: imageElements }] }),
    })
    const { outputs } = await response.json()
    const answer = await grpc.infer(digits({ id: 'mine', model_version: '1' }))
    expect(answer.value).toMatchObject({
      model_name: 'digits',
      model_version: '1',
      id: 'mine',
      parameters: { backend: { string_param: 'cpu' }, compute_ms: { double_param: expect.any(Number) } },
      outputs: [{ name: 'logits', datatype: 'FP32', shape: ['1', '10'] }],
      raw_output_contents: raw(Float32Array.from(outputs[0].data)),
    })
    expect(answer.metadata).toMatchObject({ 'spillway-queue-ms': expect.stringMatching(/^\d/) })
  })

  test('answer the highest values of an output as strings', async () => {
    const outputs = [{ name: 'logits', parameters: { classification: { int64_param: 2 } } }]
    const { value } = await grpc.infer(digits({ outputs }))
    expect(value).toMatchObject({ outputs: [{ name: 'logits', datatype: 'BYTES', shape: ['1', '2'] }] })
    const none = [{ name: 'logits', parameters: { classification: { int64_param: 0 } } }]
    expect((await grpc.infer(digits({ outputs: none }))).code).toBe(status.INVALID_ARGUMENT)
  })

  test("of Triton's extensions tell what the HTTP routes tell", async () => {
    await grpc.infer(digits())
    const config = await (await grpc.app.request('/v2/models/digits/config')).json()
    expect((await grpc.client.call('ModelConfig', { name: 'digits' })).value).toMatchObject({
      config: {
        name: 'digits',
        backend: 'onnxruntime',
        max_batch_size: config.max_batch_size,
        input: [{ name: 'image', data_type: 11, dims: ['1', '28', '28'] }],
        output: [{ name: 'logits', data_type: 11, dims: ['10'] }],
      },
    })
    const { model_stats } = await (await grpc.app.request('/v2/models/digits/stats')).json()
    const [{ inference_count, inference_stats, last_inference }] = model_stats
    const stats = { name: 'digits', version: '1', inference_count: `${inference_count}` }
    expect((await grpc.client.call('ModelStatistics', { name: 'digits' })).value).toMatchObject({
      model_stats: [
        {
          ...stats,
          // Each route reads the clock by itself: a millisecond may lie between.
          last_inference: expect.stringContaining(`${last_inference}`.slice(0, 8)),
          inference_stats: { success: { count: `${inference_stats.success.count}` } },
        },
      ],
    })
    const all = await grpc.client.call('ModelStatistics')
    expect(all.value.model_stats).toContainEqual(expect.objectContaining(stats))
    expect((await grpc.client.call('ModelStatistics', { name: 'digits', version: '9' })).code).toBe(
      status.NOT_FOUND,
    )
    const index = await grpc.client.call('RepositoryIndex', { ready: true })
    expect(index.value.models).toContainEqual(
      expect.objectContaining({ name: 'digits', version: '1', state: 'READY' }),
    )
  })

  test('that do not exist are UNIMPLEMENTED, and no label of a metric', async () => {
    const answer = await new Promise<number>((resolve) => {
      grpc.client.client.makeUnaryRequest(
        '/inference.GRPCInferenceService/ModelGuess',
        () => Buffer.alloc(0),
        () => ({}),
        {},
        (error) => resolve(error?.code ?? 0),
      )
    })
    expect(status[answer]).toBe('UNIMPLEMENTED')
    expect(await grpc.app.options.metrics.registry.metrics()).not.toContain('ModelGuess')
  })
})

describe('tensors', () => {
  const typed: Record<(typeof allTypes)[number], [field: string, elements: readonly unknown[]]> = {
    float32: ['fp32_contents', [0.5, Infinity]],
    float64: ['fp64_contents', [0.1, -1e300]],
    int8: ['int_contents', [-128, 127]],
    uint8: ['uint_contents', [0, 255]],
    int16: ['int_contents', [-32768, 32767]],
    uint16: ['uint_contents', [0, 65535]],
    int32: ['int_contents', [-2147483648, 2147483647]],
    uint32: ['uint_contents', [0, 4294967295]],
    int64: ['int64_contents', ['-9223372036854775808', '9007199254740993']],
    uint64: ['uint64_contents', ['0', '18446744073709551615']],
    bool: ['bool_contents', [true, false]],
    string: ['bytes_contents', [Buffer.from('Zürich, 日本'), Buffer.from('')]],
  }
  const datatype = (type: string) => (type === 'string' ? 'BYTES' : type.replace('float', 'fp').toUpperCase())

  test('of each datatype come back typed where they came typed', async () => {
    const inputs = allTypes.map((type) => ({
      name: `x_${type}`,
      datatype: datatype(type),
      shape: [1, 2],
      contents: { [typed[type][0]]: typed[type][1] },
    }))
    const { value, details } = await grpc.infer({ model_name: 'echo', inputs })
    expect(details).toBe('')
    expect(value.raw_output_contents).toBeUndefined()
    expect(value.outputs).toEqual(
      allTypes.map((type) => ({
        name: `y_${type}`,
        datatype: datatype(type),
        shape: ['1', '2'],
        contents: { [typed[type][0]]: typed[type][1] },
      })),
    )
  })

  test('come back raw where they came raw: FP16 and BYTES, too', async () => {
    const halves = new Uint16Array([0x3c00, 0xc000])
    const half = await grpc.infer({
      model_name: 'half',
      inputs: [
        { name: 'x_int8', datatype: 'INT8', shape: [1, 2] },
        { name: 'x_float16', datatype: 'FP16', shape: [1, 2] },
      ],
      outputs: [{ name: 'y_float16' }],
      raw_input_contents: raw(new Int8Array([1, 2]), halves),
    })
    expect(half.value).toMatchObject({
      outputs: [{ name: 'y_float16', datatype: 'FP16', shape: ['1', '2'] }],
      raw_output_contents: raw(halves),
    })
    const words = Buffer.concat(
      ['Bern', 'Zürich'].map((word) => {
        const bytes = Buffer.from(word)
        const length = Buffer.alloc(4)
        length.writeUInt32LE(bytes.length)
        return Buffer.concat([length, bytes])
      }),
    )
    const strings = await grpc.infer({
      model_name: 'words',
      inputs: [{ name: 'x_string', datatype: 'BYTES', shape: [1, 2] }],
      raw_input_contents: [words],
    })
    expect(strings.value).toMatchObject({ raw_output_contents: [words] })
  })

  test('are answered as their highest values where the output asks for a classification', async () => {
    const classification = { classification: { int64_param: 2 } }
    const outputs = [{ name: 'logits', parameters: classification }]
    const typed = {
      raw_input_contents: [],
      inputs: [{ ...image, contents: { fp32_contents: imageElements } }],
    }
    const { value } = await grpc.infer(digits({ ...typed, outputs }))
    const strings = { name: 'logits', datatype: 'BYTES', shape: ['1', '2'] }
    expect(value.outputs).toMatchObject([
      { ...strings, contents: { bytes_contents: [expect.any(Buffer), {}] } },
    ])
    const raw = await grpc.infer(digits({ outputs }))
    expect(raw.value).toMatchObject({ outputs: [strings], raw_output_contents: [expect.any(Buffer)] })
  })

  test('that are large are read in the offload thread', async () => {
    const rows = 15_000
    const words = Array.from({ length: 2 * rows }, (_, index) => Buffer.from(`word ${index}`))
    const { value, details } = await grpc.infer({
      model_name: 'words',
      inputs: [
        { name: 'x_string', datatype: 'BYTES', shape: [rows, 2], contents: { bytes_contents: words } },
      ],
    })
    expect(details).toBe('')
    expect(value.outputs).toMatchObject([{ contents: { bytes_contents: words } }])
  })

  test('of one batch share runs: 64 calls at once', async () => {
    const release = grpc.hold()
    const first = grpc.infer(digits())
    await expect.poll(() => grpc.batches.length).toBe(1)
    const calls = Array.from({ length: 63 }, () => grpc.infer(digits()))
    await expect.poll(() => grpc.server.calls).toBe(64)
    release()
    const answers = await Promise.all([first, ...calls])
    expect(answers.map(({ code }) => code)).toEqual(new Array(64).fill(0))
    expect(grpc.batches.reduce((sum, rows) => sum + rows, 0)).toBe(64)
    expect(grpc.batches.length).toBeLessThan(10)
  })
})

describe('the log and the metrics', () => {
  test('have each call: its id, model, rows and status', async () => {
    const requestId = 'the-id-of-the-client'
    const answer = await grpc.infer(digits(), {
      'x-request-id': requestId,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    })
    expect(answer.metadata).toMatchObject({
      'x-request-id': requestId,
      traceresponse: expect.stringContaining('0af7651916cd43dd8448eb211c80319c'),
    })
    expect(await grpc.lineOf(requestId)).toMatchObject({
      method: 'gRPC',
      path: '/inference.GRPCInferenceService/ModelInfer',
      status: 'OK',
      model: 'digits',
      rows: 1,
      caller: '127.0.0.1',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      queueMs: expect.any(Number),
      computeMs: expect.any(Number),
    })
    const metrics = await grpc.app.options.metrics.registry.metrics()
    const labels = 'grpc_service="inference.GRPCInferenceService",grpc_method="ModelInfer"'
    expect(metrics).toMatch(new RegExp(`^grpc_server_handled_total\\{${labels},grpc_code="OK"\\} [1-9]`, 'm'))
    expect(metrics).toMatch(new RegExp(`^grpc_server_handling_seconds_count\\{${labels}\\} [1-9]`, 'm'))
  })
})
