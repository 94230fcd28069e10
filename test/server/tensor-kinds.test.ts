import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { elementCount, type TensorSpec } from '../../models/core/index.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { BinaryReader, elementBytes, jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import { requestLimits } from '../../server/request-limits.ts'
import { kindGraphs, kindManifests } from '../support/tensor-kinds.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'

async function folderOf(kind: keyof typeof kindGraphs, manifest = kindManifests[kind]): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  await writeFile(file, kindGraphs[kind])
  return modelFolder(file, manifest)
}

let app: TestApp
beforeAll(async () => {
  const kinds = Object.keys(kindGraphs) as (keyof typeof kindGraphs)[]
  const limits = { ...requestLimits, maxRows: 1_000_000 }
  app = await startTestApp({
    requestLimits: limits,
    models: await Promise.all(kinds.map((kind) => folderOf(kind))),
  })
})
afterAll(() => app.close())

const post = (id: string, body: BodyInit, headers: Record<string, string> = {}) =>
  app.request(`/v2/models/${id}/infer`, { method: 'POST', body, headers })
const infer = async (id: string, inputs: unknown[], rest: object = {}) => {
  const response = await post(id, JSON.stringify({ inputs, ...rest }))
  const answer = await response.json()
  return { status: response.status, code: response.headers.get(errorCodeHeader), ...answer }
}
const metadata = async (id: string): Promise<Record<'inputs' | 'outputs', unknown>> =>
  (await app.request(`/v2/models/${id}`)).json()
const cities = (data: unknown, shape = [2, 1]) => ({ name: 'city', datatype: 'BYTES', shape, data })
const floats = (data: number[], shape: number[]) => ({ name: 'x', datatype: 'FP32', shape, data })

describe('string tensors', () => {
  test('are BYTES in the metadata, and strings in JSON', async () => {
    expect(await metadata('cities')).toMatchObject({ inputs: [{ datatype: 'BYTES', shape: [-1, 1] }] })
    const { outputs } = await infer('cities', [cities([['Rome'], ['Zürich']])])
    expect(outputs).toMatchObject([
      { name: 'same', datatype: 'BYTES', shape: [2, 1], data: ['Rome', 'Zürich'] },
      { name: 'twice', datatype: 'BYTES', shape: [2, 2], data: ['Rome', 'Rome', 'Zürich', 'Zürich'] },
    ])
  })

  test('have four bytes of length before each in the binary extension', async () => {
    const data = ['Bern', 'Zürich, 日本']
    const elements = elementBytes({ type: 'string', data, shape: [2, 1] })
    const json = JSON.stringify({
      inputs: [{ ...cities(undefined), parameters: { binary_data_size: elements.length } }],
      outputs: [{ name: 'same' }],
      parameters: { binary_data_output: true },
    })
    const body = Buffer.concat([Buffer.from(json), elements])
    const response = await post('cities', body, { [jsonLengthHeader]: `${Buffer.byteLength(json)}` })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const length = Number(response.headers.get(jsonLengthHeader))
    const { outputs } = JSON.parse(Buffer.from(bytes.subarray(0, length)).toString())
    expect(new BinaryReader(bytes.subarray(length)).read(outputs[0]).data).toEqual(data)
  })

  test.each([
    ['numbers', cities([1, 2]), 'input_value_invalid'],
    ['another number of them', cities(['Rome']), 'input_size_invalid'],
    ['more than 100,000', cities(['Rome'], [100_001, 1]), 'input_size_invalid'],
    ['a tensor of floats', { ...cities([1, 2]), datatype: 'FP32' }, 'input_type_invalid'],
  ])('refuse %s', async (_what, input, code) => {
    expect(await infer('cities', [input])).toMatchObject({ status: 400, code })
  })

  test('are refused where their bytes are not UTF-8: they would be other strings', async () => {
    const latin1 = Buffer.from('Z\u00fcrich', 'latin1')
    const inJson = Buffer.from(JSON.stringify({ inputs: [cities(['Z\u00fcrich'], [1, 1])] }), 'latin1')
    expect((await post('cities', inJson)).status).toBe(400)
    const raw = await post('cities', latin1, { [jsonLengthHeader]: '0' })
    expect({ status: raw.status, code: raw.headers.get(errorCodeHeader) }).toEqual({
      status: 400,
      code: 'input_value_invalid',
    })
    expect((await post('cities', Buffer.from('Z\u00fcrich'), { [jsonLengthHeader]: '0' })).status).toBe(200)
  })

  test('are the same in large bodies and answers, which another thread reads and writes', async () => {
    const data = Array.from({ length: 30_000 }, (_, index) => `city ${index} é`)
    const shape = [data.length, 1]
    const outputs = [{ name: 'same' }]
    const inJson = await infer('cities', [cities(data, shape)], { outputs })
    expect(inJson.outputs[0].data).toEqual(data)
    const elements = elementBytes({ type: 'string', data, shape })
    const input = { ...cities(undefined, shape), parameters: { binary_data_size: elements.length } }
    const json = JSON.stringify({ inputs: [input], outputs })
    const response = await post('cities', Buffer.concat([Buffer.from(json), elements]), {
      [jsonLengthHeader]: `${Buffer.byteLength(json)}`,
    })
    expect((await response.json()).outputs[0].data).toEqual(data)
  })

  test('of requests that share a run stay their own', async () => {
    const names = ['Rome', 'Bern', 'Rome', 'Oslo', 'Bern', 'a,b', 'c']
    const answers = await Promise.all(names.map((name) => infer('cities', [cities([name], [1, 1])])))
    expect(answers.map(({ outputs }) => [outputs[0].data, outputs[1].data])).toEqual(
      names.map((name) => [[name], [name, name]]),
    )
  })
})

describe('tensors of any shape', () => {
  test('say −1 in the metadata, and have the shape that each request and answer gives', async () => {
    expect(await metadata('any-shape')).toMatchObject({
      inputs: [{ shape: [-1] }],
      outputs: [{ shape: [-1] }],
    })
    for (const shape of [[2, 3], [6], [1, 2, 3, 1], [0, 4]]) {
      const data = Array.from({ length: shape.reduce((count, size) => count * size, 1) }, (_, at) => at)
      const { outputs } = await infer('any-shape', [floats(data, shape)])
      expect(outputs).toMatchObject([{ shape, data: data.map((one) => 2 * one) }])
    }
  })
})

test('a model without inputs runs', async () => {
  expect(await metadata('no-input')).toMatchObject({ inputs: [] })
  for (let again = 0; again < 2; again++)
    expect((await infer('no-input', [])).outputs).toMatchObject([{ name: 'y', shape: [2], data: [1, 2] }])
})

describe('outputs', () => {
  test('may be some of the model’s: requests for others share the run', async () => {
    const some = (outputs: string[]) =>
      infer(
        'two-outputs',
        [floats([1, 2, 3], [1, 3])],
        outputs.length ? { outputs: outputs.map((name) => ({ name })) } : {},
      )
    const asked = [['größe'], ['y'], ['größe', 'y'], []]
    const answers = await Promise.all([...asked, ...asked].map(some))
    expect(answers.map(({ outputs }) => outputs.map(({ name }: { name: string }) => name))).toEqual(
      [...asked, ...asked].map((names) => (names.length > 0 ? names : ['y', 'größe'])),
    )
    for (const { outputs } of answers)
      for (const { name, data } of outputs) expect(data).toEqual(name === 'y' ? [3, 5, 7] : [2, 4, 6])
  })

  test('that the model does not have are refused, naming those it has', async () => {
    const refused = await infer('two-outputs', [floats([1, 2, 3], [1, 3])], { outputs: [{ name: 'z' }] })
    expect(refused).toMatchObject({ status: 400, code: 'output_name_invalid' })
    expect(refused.error).toContain('expected y, größe, each once, got z')
  })

  test('that cannot be sent are left out', async () => {
    expect((await infer('four-bits', [floats([1.4, -8, 7], [3])])).outputs).toMatchObject([
      { name: 'y', data: [1, -8, 7] },
    ])
  })
})

describe('an output that is asked for by its classification', () => {
  const outputs = (classification: unknown, more = {}) => [
    { name: 'y', parameters: { classification, ...more } },
  ]

  test('is its highest values as strings', async () => {
    const { extensions } = await (await app.request('/v2')).json()
    expect(extensions).toContain('classification')
    const answer = await infer('any-shape', [floats([1, 3, 2, 3], [2, 2])], { outputs: outputs(3) })
    expect(answer.outputs).toMatchObject([
      { name: 'y', datatype: 'BYTES', shape: [3], data: ['6:1', '6:3', '4:2'] },
    ])
  })

  test('is bytes where they are asked for, each string with its length before it', async () => {
    const body = { inputs: [floats([1, 3], [2])], outputs: outputs(1, { binary_data: true }) }
    const response = await post('any-shape', JSON.stringify(body))
    const bytes = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get(jsonLengthHeader))
    expect(JSON.parse(bytes.subarray(0, length).toString()).outputs).toEqual([
      { name: 'y', shape: [1], datatype: 'BYTES', parameters: { binary_data_size: 7 } },
    ])
    expect(bytes.subarray(length).toString('latin1')).toBe('\x03\0\0\x006:1')
  })

  test('has the labels of the model, for each row', async () => {
    const image = { name: 'image', datatype: 'FP32', shape: [2, 1, 28, 28], data: new Array(1568).fill(0.5) }
    const asked = [{ name: 'logits', parameters: { classification: 1 } }]
    const [logits] = (await infer('digits', [image], { outputs: asked })).outputs
    expect(logits.shape).toEqual([2, 1])
    for (const text of logits.data) expect(text).toMatch(/^-?[\d.]+:(\d):\1$/)
  })

  test('is found in another thread among many values', async () => {
    const x = floats(
      Array.from({ length: 30_000 }, (_, at) => at),
      [30_000],
    )
    const answer = await infer('any-shape', [x], { outputs: outputs(2) })
    expect(answer.outputs).toMatchObject([{ shape: [2], data: ['59998:29999', '59996:29998'] }])
  })

  test('is refused for no values, and for strings', async () => {
    for (const count of [0, -1, 1.5, '2', true])
      expect(await infer('any-shape', [floats([1], [1])], { outputs: outputs(count) })).toMatchObject({
        status: 400,
        code: 'request_malformed',
      })
    const asked = [{ name: 'same', parameters: { classification: 1 } }]
    const refused = await infer('cities', [cities(['Rome'], [1, 1])], { outputs: asked })
    expect(refused).toMatchObject({ status: 400, code: 'not_supported' })
  })
})

describe('a manifest fails to load that lists', () => {
  test.each<[string, keyof typeof kindGraphs, TensorSpec, string]>([
    [
      'an output that the graph does not have',
      'twoOutputs',
      { name: 'nothing', type: 'float32', shape: null },
      'disagree on "nothing"',
    ],
    [
      'an output that cannot be sent',
      'fourBits',
      { name: 'small', type: 'int8', shape: [-1] },
      'Output "small" of wrong@1/fp32/cpu cannot be sent',
    ],
  ])('%s', async (_what, kind, output, message) => {
    const manifest = { ...kindManifests[kind], id: 'wrong', batchAxis: null, outputs: [output] }
    const wrong = await startTestApp({ models: [await folderOf(kind, manifest)] })
    try {
      const [{ name = '', shape = [] } = {}] = manifest.inputs
      const sizes = (shape ?? []).map(Math.abs)
      const input = { name, datatype: 'FP32', shape: sizes, data: new Array(elementCount(sizes)).fill(1) }
      const response = await wrong.request('/v2/models/wrong/infer', {
        method: 'POST',
        body: JSON.stringify({ inputs: [input] }),
      })
      expect(response.status).toBe(500)
      expect((await response.json()).error).toContain(message)
    } finally {
      wrong.close()
    }
  })
})
