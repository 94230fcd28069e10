import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeHeader, queueHeader } from '../../models/protocols/oip.ts'
import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import { inferResponse } from '../../models/protocols/oip-schemas.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ maxBodyBytes: 100_000 })
})
afterAll(() => app.close())

const pixels = (rows = 1) => new Array(rows * 784).fill(0.5)
const digit = { name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: pixels() }
const image = (change: object = {}) => ({ ...digit, ...change })

const post = (body: unknown, path = '/v2/models/digits/infer') =>
  app.request(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('Open Inference Protocol', () => {
  test('reports the server, its health and its models', async () => {
    expect(await (await app.request('/v2')).json()).toEqual({
      name: 'spillway',
      version: '0.0.0-test',
      extensions: expect.arrayContaining(['binary_tensor_data']),
    })
    expect((await app.request('/v2/health/live')).status).toBe(200)
    expect((await app.request('/v2/health/ready')).status).toBe(200)
    expect((await app.request('/v2/models/digits/ready')).status).toBe(200)
    expect((await app.request('/v2/models/digits/versions/1/ready')).status).toBe(200)
    const metadata = {
      name: 'digits',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 1, 28, 28] }],
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
    }
    expect(await (await app.request('/v2/models/digits')).json()).toEqual(metadata)
    expect(await (await app.request('/v2/models/digits/versions/1')).json()).toEqual(metadata)
  })

  test('runs a model, returns the request’s id, and reports backend and times', async () => {
    const response = await post({ id: 'mine', inputs: [image({ shape: [2, 1, 28, 28], data: pixels(2) })] })
    expect(response.status).toBe(200)
    const answer = inferResponse.parse(await response.json())
    expect(answer).toMatchObject({
      model_name: 'digits',
      model_version: '1',
      id: 'mine',
      parameters: {
        backend: 'cpu',
        variant: 'q8',
        queue_ms: expect.any(Number),
        compute_ms: expect.any(Number),
      },
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [2, 10] }],
    })
    const data = answer.outputs[0]?.data ?? []
    expect(data.slice(0, 10)).toEqual(data.slice(10))
  })

  test('accepts nested data, a version in the path, and a list of outputs', async () => {
    const nested = [[Array.from({ length: 28 }, () => new Array(28).fill(0.5))]]
    const [flat, deep] = await Promise.all([
      post({ inputs: [image()] }),
      post(
        { inputs: [image({ data: nested })], outputs: [{ name: 'logits' }] },
        '/v2/models/digits/versions/1/infer',
      ),
    ])
    const [one, other] = [inferResponse.parse(await flat.json()), inferResponse.parse(await deep.json())]
    expect(other.outputs).toEqual(one.outputs)
    expect(one).not.toHaveProperty('id')
  })

  const badRequests: [string, unknown, number, string, string][] = [
    ['malformed JSON', '{"inputs": [', 400, 'request_malformed', 'The request is not JSON'],
    [
      'a bare NaN, which JSON does not have',
      `{"inputs":[{"name":"image","datatype":"FP32","shape":[1,1,28,28],"data":[NaN]}]}`,
      400,
      'request_malformed',
      'not JSON',
    ],
    ['no body', '', 400, 'request_malformed', 'not JSON'],
    ['no inputs', {}, 400, 'request_malformed', 'not valid at inputs'],
    ['inputs of another kind', { inputs: [3] }, 400, 'request_malformed', 'not valid at inputs[0]'],
    [
      'a negative shape',
      { inputs: [image({ shape: [-1] })] },
      400,
      'request_malformed',
      'not valid at inputs[0].shape[0]',
    ],
    [
      'data that is no array',
      { inputs: [image({ data: 'x' })] },
      400,
      'request_malformed',
      'not valid at inputs[0].data',
    ],
    ['no input at all', { inputs: [] }, 400, 'input_name_invalid', 'expected image, got no input'],
    [
      'a wrong name',
      { inputs: [image({ name: 'picture' })] },
      400,
      'input_name_invalid',
      'expected image, got picture',
    ],
    ['an input twice', { inputs: [image(), image()] }, 400, 'input_name_invalid', '"image" appears twice'],
    [
      'a wrong datatype',
      { inputs: [image({ datatype: 'INT64' })] },
      400,
      'input_type_invalid',
      'expected FP32, got INT64',
    ],
    [
      'a wrong shape',
      { inputs: [image({ shape: [784] })] },
      400,
      'input_shape_invalid',
      'expected [-1, 1, 28, 28] (-1: any size), got [784]',
    ],
    [
      'too few elements',
      { inputs: [image({ data: [1, 2] })] },
      400,
      'input_size_invalid',
      'expected 784 for shape [1, 1, 28, 28], got 2',
    ],
    [
      'only NaN, as JSON.stringify writes it',
      { inputs: [image({ data: pixels().map(() => Number.NaN) })] },
      400,
      'input_value_invalid',
      'expected a FP32 number, got null',
    ],
    [
      'a wrong output',
      { inputs: [image()], outputs: [{ name: 'boxes' }] },
      400,
      'output_name_invalid',
      'expected logits, each once, got boxes',
    ],
    [
      'a timeout that is no time',
      { inputs: [image()], parameters: { timeout: 'soon' } },
      400,
      'request_malformed',
      '"timeout" is invalid',
    ],
    [
      'a body over the limit',
      { inputs: [image({ shape: [400, 1, 28, 28], data: pixels(400) })] },
      413,
      'body_too_large',
      'expected at most 100000 bytes',
    ],
  ]

  test.each(badRequests)('refuses %s with its own code', async (_what, body, status, code, message) => {
    const response = await post(body)
    expect(response.status).toBe(status)
    expect(response.headers.get(errorCodeHeader)).toBe(code)
    const answer = await response.json()
    expect(Object.keys(answer)).toEqual(['error'])
    expect(answer.error).toContain(message)
  })

  test.each([
    ['/v2/models/cats', 'There is no model "cats". GET /models/catalogue.json lists the models.'],
    ['/v2/models/cats/ready', 'no model "cats"'],
    ['/v2/models/digits/versions/7', 'no model "digits" of version "7"'],
    ['/v2/models/..%2f..%2fetc/ready', 'no model'],
  ])('answers %s with 404', async (path, message) => {
    const response = await app.request(path)
    expect(response.status).toBe(404)
    expect((await response.json()).error).toContain(message)
  })

  test('answers infer of an unknown model with 404 before it reads the request', async () => {
    const response = await post('{', '/v2/models/cats/infer')
    expect(response.status).toBe(404)
    expect(response.headers.get(errorCodeHeader)).toBe('model_unknown')
  })

  test('reports how long a request would wait, with errors and to pages of other origins too', async () => {
    const [answer, refusal] = await Promise.all([post({ inputs: [image()] }), post({ inputs: [] })])
    for (const { headers } of [answer, refusal]) {
      expect(Number(headers.get(queueHeader))).toBeGreaterThanOrEqual(0)
      expect(headers.get(queueHeader)).toMatch(/^\d+\.\d$/)
      expect(headers.get('access-control-expose-headers')).toContain(queueHeader)
    }
  })

  const binary = (request: object, tensors: ArrayBuffer, length?: string) => {
    const json = new TextEncoder().encode(JSON.stringify(request))
    return app.request('/v2/models/digits/infer', {
      method: 'POST',
      headers: { [jsonLengthHeader]: length ?? String(json.length) },
      body: new Blob([json, tensors]),
    })
  }
  const binaryImage = {
    name: 'image',
    datatype: 'FP32',
    shape: [1, 1, 28, 28],
    parameters: { binary_data_size: 3136 },
  }
  const halves = new Float32Array(784).fill(0.5).buffer

  test('accepts and returns binary tensors, independently of each other', async () => {
    const plain = inferResponse.parse(await (await post({ inputs: [image()] })).json())
    const expected = plain.outputs[0]?.data
    const mixed = await binary({ inputs: [binaryImage] }, halves)
    expect(inferResponse.parse(await mixed.json()).outputs[0]?.data).toEqual(expected)

    for (const ask of [
      { parameters: { binary_data_output: true } },
      { outputs: [{ name: 'logits', parameters: { binary_data: true } }] },
    ]) {
      const response = await binary({ inputs: [binaryImage], ...ask }, halves)
      expect(response.headers.get('content-type')).toBe('application/octet-stream')
      expect(response.headers.get('access-control-expose-headers')).toContain(jsonLengthHeader)
      const bytes = await response.arrayBuffer()
      const length = Number(response.headers.get(jsonLengthHeader))
      const answer = inferResponse.parse(JSON.parse(new TextDecoder().decode(bytes.slice(0, length))))
      expect(answer.outputs[0]).toMatchObject({ shape: [1, 10], parameters: { binary_data_size: 40 } })
      expect([...new Float32Array(bytes.slice(length))]).toEqual(
        expected?.map((value) => Math.fround(Number(value))),
      )
    }
    const json = await binary(
      {
        inputs: [binaryImage],
        parameters: { binary_data_output: true },
        outputs: [{ name: 'logits', parameters: { binary_data: false } }],
      },
      halves,
    )
    expect(json.headers.get(jsonLengthHeader)).toBeNull()
  })

  test('answers requests that differ only in their tensors by themselves, and refuses bad ones each time', async () => {
    const ask = async (tensors: ArrayBuffer) => {
      const response = await binary({ inputs: [binaryImage] }, tensors)
      return response.ok
        ? inferResponse.parse(await response.json()).outputs[0]?.data
        : response.headers.get(errorCodeHeader)
    }
    const ones = new Float32Array(784).fill(1).buffer
    const [first, other, again] = [await ask(halves), await ask(ones), await ask(halves)]
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
    for (let time = 0; time < 2; time++) expect(await ask(halves.slice(4))).toBe('input_size_invalid')
    // Numbers in the JSON part, with the header for its length.
    for (const value of [0.5, 1]) {
      const mixed = await binary(
        { inputs: [image({ data: new Array(784).fill(value) })] },
        new ArrayBuffer(0),
      )
      expect(inferResponse.parse(await mixed.json()).outputs[0]?.data).toEqual(value === 1 ? other : first)
    }
  })

  test.each([
    ['a length past the body', {}, halves, '99999', 'request_malformed'],
    ['a tensor that is cut off', {}, halves.slice(4), undefined, 'input_size_invalid'],
    ['bytes too many', {}, new ArrayBuffer(3140), undefined, 'request_malformed'],
    ['another shape', { shape: [2, 1, 28, 28] }, halves, undefined, 'input_size_invalid'],
    ['strings', { datatype: 'BYTES' }, halves, undefined, 'input_type_invalid'],
  ])('refuses %s', async (_what, change, tensors, length, code) => {
    const response = await binary({ inputs: [{ ...binaryImage, ...change }] }, tensors, length)
    expect(response.headers.get(errorCodeHeader)).toBe(code)
  })

  test('accepts a priority, and refuses an invalid one', async () => {
    for (const priority of [0, 1, 2, 7])
      expect((await post({ inputs: [image()], parameters: { priority } })).status).toBe(200)
    for (const priority of [-1, 0.5, 'high'])
      expect((await post({ inputs: [image()], parameters: { priority } })).status).toBe(400)
  })

  test('fails at the request’s own timeout', async () => {
    // More rows than any machine can run in a microsecond.
    const many = image({ shape: [24, 1, 28, 28], data: pixels(24) })
    const response = await post({ inputs: [many], parameters: { timeout: 1 } })
    expect(response.status).toBe(503)
    expect(response.headers.get(errorCodeHeader)).toBe('deadline_exceeded')
  })

  test('answers a request after all of these', async () => {
    expect((await post({ inputs: [image()] })).status).toBe(200)
  })
})
