// The example bodies of the Open Inference Protocol, of Triton's HTTP extensions and of KServe's clients, as they are
// documented. Sources: https://github.com/kserve/open-inference-protocol and
// https://github.com/triton-inference-server/server/tree/main/docs/protocol
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataType } from '../../../models/tools/onnx/data-type.ts'
import { startTestApp, type TestApp } from '../../support/test-app.ts'
import { emptyFolder, modelFolder } from '../../support/test-models.ts'
import { encode, modelProto, value } from '../../tools/support/build.ts'

/** The documents' model: `output0` has the sums of the columns of `input0`, once for each truth of `input1`. */
const mymodel = () =>
  encode(
    modelProto({
      opset: 11,
      nodes: [
        { op: 'Cast', inputs: ['input0'], outputs: ['numbers'], attributes: { to: DataType.FLOAT } },
        { op: 'ReduceSum', inputs: ['numbers'], outputs: ['sums'], attributes: { axes: [0] } },
        { op: 'Cast', inputs: ['input1'], outputs: ['truths'], attributes: { to: DataType.FLOAT } },
        { op: 'Unsqueeze', inputs: ['truths'], outputs: ['column'], attributes: { axes: [1] } },
        { op: 'Mul', inputs: ['column', 'sums'], outputs: ['output0'] },
      ],
      inputs: [value('input0', [2, 2], DataType.UINT32), value('input1', [3], DataType.BOOL)],
      outputs: [value('output0', [3, 2])],
    }),
  )

/** One input with one open size, or with two. */
const double = (shape: readonly (number | string)[]) =>
  encode(
    modelProto({
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      inputs: [value('x', shape)],
      outputs: [value('y', shape)],
    }),
  )

let app: TestApp
beforeAll(async () => {
  const write = async (bytes: Uint8Array, manifest: Parameters<typeof modelFolder>[1]) => {
    const file = join(await emptyFolder(), 'model.onnx')
    await writeFile(file, bytes)
    return modelFolder(file, manifest)
  }
  const doubling = (id: string, size: number) => ({
    id,
    title: id,
    task: 'tensor' as const,
    batchAxis: 0 as const,
    batching: { evidence: 'proven' as const },
    inputs: [{ name: 'x', type: 'float32' as const, shape: [-1, size] }],
    outputs: [{ name: 'y', type: 'float32' as const, shape: [-1, size] }],
  })
  app = await startTestApp({
    models: [
      await write(mymodel(), {
        id: 'mymodel',
        title: 'Mine',
        task: 'tensor',
        batchAxis: null,
        inputs: [
          { name: 'input0', type: 'uint32', shape: [2, 2] },
          { name: 'input1', type: 'bool', shape: [3] },
        ],
        outputs: [{ name: 'output0', type: 'float32', shape: [3, 2] }],
      }),
      await write(double(['n', 4]), doubling('rows', 4)),
      await write(double(['n', 'length']), doubling('lengths', -1)),
    ],
  })
})
afterAll(() => app.close())

const input0 = { name: 'input0', shape: [2, 2], datatype: 'UINT32', data: [1, 2, 3, 4] }
const input1 = { name: 'input1', shape: [3], datatype: 'BOOL', data: [true, false, true] }
const output0 = { name: 'output0', shape: [3, 2], datatype: 'FP32', data: [4, 6, 0, 0, 4, 6] }
const documented = { id: '42', inputs: [input0, input1], outputs: [{ name: 'output0' }] }

const post = (body: BodyInit, headers: Record<string, string> = {}, model = 'mymodel') =>
  app.request(`/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
const ask = (request: object) => post(JSON.stringify(request))
const floats = (bytes: ArrayBuffer, from = 0) => [...new Float32Array(bytes.slice(from))]

test('the protocol’s example of a request is answered with its id', async () => {
  const response = await ask(documented)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain('application/json')
  expect(await response.json()).toMatchObject({ model_name: 'mymodel', id: '42', outputs: [output0] })
})

test('the protocol’s example has data for one of three truths, which is an error that says so', async () => {
  const response = await ask({ ...documented, inputs: [input0, { ...input1, data: [true] }] })
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({ error: expect.stringContaining('expected 3 for shape [3], got 1') })
})

test('data may be nested like the shape', async () => {
  const rows = [
    [1, 2],
    [3, 4],
  ]
  const nested = { ...input0, data: rows }
  expect(await (await ask({ ...documented, inputs: [nested, input1] })).json()).toMatchObject({
    outputs: [output0],
  })
})

describe('Triton’s binary tensor extension', () => {
  const json = JSON.stringify({
    model_name: 'mymodel',
    inputs: [
      { name: 'input0', shape: [2, 2], datatype: 'UINT32', parameters: { binary_data_size: 16 } },
      { name: 'input1', shape: [3], datatype: 'BOOL', parameters: { binary_data_size: 3 } },
    ],
    outputs: [{ name: 'output0', parameters: { binary_data: true } }],
  })
  const body = () => new Blob([json, new Uint32Array([1, 2, 3, 4]), new Uint8Array([1, 0, 1])])
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': `${json.length}`,
  }

  test('is reported', async () => {
    expect((await (await app.request('/v2')).json()).extensions).toContain('binary_tensor_data')
  })

  test('reads and writes tensors after the JSON part', async () => {
    const response = await post(body(), headers)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    const bytes = await response.arrayBuffer()
    const length = Number(response.headers.get('inference-header-content-length'))
    const answer = JSON.parse(new TextDecoder().decode(bytes.slice(0, length)))
    expect(answer.outputs).toEqual([
      { name: 'output0', shape: [3, 2], datatype: 'FP32', parameters: { binary_data_size: 24 } },
    ])
    expect(floats(bytes, length)).toEqual(output0.data)
  })

  test('reads a compressed body', async () => {
    const zipped = gzipSync(Buffer.from(await body().arrayBuffer()))
    const response = await post(new Uint8Array(zipped), { ...headers, 'content-encoding': 'gzip' })
    expect(response.status).toBe(200)
  })
})

describe('a raw binary request', () => {
  const raw = (model: string, bytes: BodyInit) =>
    post(bytes, { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' }, model)
  const numbers = new Float32Array([1, 2, 3, 4, 5, 6, 7, 8])

  test.each([
    ['rows', [2, 4]],
    ['lengths', [1, 8]],
  ])('has the shape that follows from its length: %s', async (model, shape) => {
    const response = await raw(model, numbers)
    expect(response.status).toBe(200)
    const bytes = await response.arrayBuffer()
    const length = Number(response.headers.get('inference-header-content-length'))
    const { outputs } = JSON.parse(new TextDecoder().decode(bytes.slice(0, length)))
    expect(outputs).toEqual([{ name: 'y', shape, datatype: 'FP32', parameters: { binary_data_size: 32 } }])
    expect(floats(bytes, length)).toEqual([2, 4, 6, 8, 10, 12, 14, 16])
  })

  test.each([
    ['rows', numbers.slice(3), 'binary_data_size 16 for FP32 [1, 4], got 20'],
    ['rows', new Uint8Array(0), '[0, 4]'],
    ['mymodel', new Uint8Array(19), 'expected a model of one input, got 2 inputs'],
  ])('that does not fit %s is refused', async (model, bytes, message) => {
    const response = await raw(model, bytes)
    expect(response.status).toBe(400)
    expect((await response.json()).error).toContain(message)
  })
})

describe('parameters', () => {
  test.each<[string, object]>([
    ['a model’s own', { my_custom_parameter: 42 }],
    ['no sequence', { sequence_id: 0, sequence_start: false }],
    ['no sequence, by name', { sequence_id: '' }],
    ['a priority and a timeout', { priority: 1, timeout: 5_000_000 }],
    ['Triton’s', { triton_enable_empty_final_response: true }],
  ])('are taken: %s', async (_, parameters) => {
    expect((await ask({ ...documented, parameters })).status).toBe(200)
  })

  test.each<[string, object]>([
    ['sequence_id', { parameters: { sequence_id: 42 } }],
    ['sequence_id', { parameters: { sequence_id: 'e333c95a-07fc-42d2-ab16-033b1a566ed5' } }],
    ['sequence_start', { parameters: { sequence_id: 0, sequence_start: true } }],
    [
      'shared_memory_region',
      {
        outputs: [
          { name: 'output0', parameters: { shared_memory_region: 'r', shared_memory_byte_size: 24 } },
        ],
      },
    ],
    [
      'shared_memory_region',
      {
        inputs: [
          {
            ...input0,
            data: undefined,
            parameters: { shared_memory_region: 'r', shared_memory_byte_size: 16 },
          },
          input1,
        ],
      },
    ],
  ])('that change the answer and are not supported are refused by name: %s', async (name, change) => {
    const response = await ask({ ...documented, ...change })
    expect([response.status, response.headers.get('spillway-error')]).toEqual([400, 'not_supported'])
    expect((await response.json()).error).toContain(`the parameter "${name}"`)
  })
})

test('KServe’s client’s bodies, with null for every optional member, are taken', async () => {
  const nulls = { parameters: null }
  const response = await ask({
    id: null,
    ...nulls,
    inputs: [input0, input1].map((input) => ({ ...input, ...nulls })),
    outputs: [{ name: 'output0', ...nulls }],
  })
  expect(await response.json()).toMatchObject({ outputs: [output0] })
  expect((await ask({ ...documented, outputs: null })).status).toBe(200)
})

test('KServe’s health, readiness and metadata are answered', async () => {
  const get = async (path: string) => (await app.request(path)).json()
  expect(await get('/v2/health/live')).toEqual({ live: true })
  expect(await get('/v2/health/ready')).toEqual({ ready: true })
  expect(await get('/v2/models/mymodel/ready')).toEqual({ name: 'mymodel', ready: true })
  expect(await get('/v2/models/mymodel')).toEqual({
    name: 'mymodel',
    versions: ['1'],
    platform: 'onnxruntime_onnx',
    inputs: [
      { name: 'input0', datatype: 'UINT32', shape: [2, 2] },
      { name: 'input1', datatype: 'BOOL', shape: [3] },
    ],
    outputs: [{ name: 'output0', datatype: 'FP32', shape: [3, 2] }],
  })
})

// Extensions that this server does not report.
test.each<[method: string, path: string, status?: number]>([
  ['POST', '/v2/models/mymodel/generate'],
  ['GET', '/v2/systemsharedmemory/status'],
  // KServe's first protocol. OpenAI's has this address, for GET.
  ['POST', '/v1/models/mymodel:predict', 405],
])('%s %s is answered with an error in the protocol’s form', async (method, path, status = 404) => {
  const response = await app.request(path, { method, ...(method === 'POST' ? { body: '{}' } : {}) })
  expect(response.status).toBe(status)
  expect(await response.json()).toHaveProperty('error')
})
