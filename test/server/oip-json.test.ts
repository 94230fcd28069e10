import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

/** A model that gives back what it gets: integers as they are, the logarithm of numbers as halves. */
const echo = () =>
  encode(
    modelProto({
      nodes: [
        { op: 'Identity', inputs: ['n'], outputs: ['m'] },
        { op: 'Identity', inputs: ['x'], outputs: ['y'] },
        { op: 'Log', inputs: ['x'], outputs: ['log'] },
        { op: 'Cast', inputs: ['x'], outputs: ['half'], attributes: { to: DataType.FLOAT16 } },
      ],
      inputs: [value('n', ['k'], DataType.INT64), value('x', ['rows', 2])],
      outputs: [
        value('m', ['k'], DataType.INT64),
        value('y', ['rows', 2]),
        value('log', ['rows', 2]),
        value('half', ['rows', 2], DataType.FLOAT16),
      ],
    }),
  )

let app: TestApp
beforeAll(async () => {
  const file = join(await emptyFolder(), 'echo.onnx')
  await writeFile(file, echo())
  const folder = await modelFolder(file, {
    id: 'echo',
    title: 'Echo',
    task: 'tensor',
    batchAxis: null,
    inputs: [
      { name: 'n', type: 'int64', shape: [-1] },
      { name: 'x', type: 'float32', shape: [-1, 2] },
    ],
    outputs: [
      { name: 'm', type: 'int64', shape: [-1] },
      { name: 'y', type: 'float32', shape: [-1, 2] },
      { name: 'log', type: 'float32', shape: [-1, 2] },
      { name: 'half', type: 'float16', shape: [-1, 2] },
    ],
  })
  app = await startTestApp({ models: [folder] })
})
afterAll(() => app.close())

const send = (text: string, headers: Record<string, string> = {}) =>
  app.request('/v2/models/echo/infer', { method: 'POST', body: text, headers })
const n = (data: string, k = 1) => `{"name":"n","datatype":"INT64","shape":[${k}],"data":${data}}`
const x = (data = '[1,2]', rest = '') =>
  `{"name":"x","datatype":"FP32","shape":[1,2]${data === '' ? '' : `,"data":${data}`}${rest}}`
const ask = (inputs: string[], outputs: string[], rest = '') =>
  `{"inputs":[${inputs}],"outputs":[${outputs.map((name) => `{"name":"${name}"}`)}]${rest}}`

describe('the JSON form of tensors', () => {
  test('carries integers past 2^53 both ways, flat and nested, with all of their digits', async () => {
    const digits = '[9007199254740993,-9223372036854775808,9223372036854775807,-1,0]'
    const response = await send(ask([n(digits, 5), x()], ['m']))
    expect(await response.text()).toContain(`"data":${digits}`)
  })

  test('refuses an integer past 64 bits', async () => {
    const response = await send(ask([n('[9223372036854775808]'), x()], ['m']))
    expect([response.status, response.headers.get(errorCodeHeader)]).toEqual([400, 'input_value_invalid'])
  })

  test('keeps the sign of zero', async () => {
    for (const zero of ['-0', '-0.0']) {
      const response = await send(ask([n('[1]'), x(`[${zero},0]`)], ['y']))
      expect(await response.text()).toContain('"data":[-0.0,0]')
    }
  })

  test('takes null for optional members, as KServe’s client writes it', async () => {
    const nulls = `,"id":null,"parameters":null`
    const response = await send(
      `{"inputs":[${n('[7]').replace('}', ',"parameters":null}')},${x()}],"outputs":null${nulls}}`,
    )
    // Among all outputs is one in half floats.
    expect((await response.json()).error).toContain('FP16')
    const some = await send(
      `{"inputs":[${n('[7]').replace('}', ',"parameters":null}')},${x()}],"outputs":[{"name":"m","parameters":null}]${nulls}}`,
    )
    expect((await some.json()).outputs[0].data).toEqual([7])
  })

  test('answers 400 where JSON cannot carry half floats, and binary tensors can', async () => {
    const inputs = [n('[1]'), x()]
    const refused = await send(ask(inputs, ['half']))
    expect([refused.status, refused.headers.get(errorCodeHeader)]).toEqual([400, 'not_supported'])
    expect((await refused.json()).error).toContain('FP16')
    const binary = await send(ask(inputs, ['half'], ',"parameters":{"binary_data_output":true}'))
    expect(binary.status).toBe(200)
  })

  test('writes NaN and infinities as strings, and takes them in the same form', async () => {
    const logs = await send(ask([n('[1]'), x('[0,-1]')], ['log']))
    expect((await logs.json()).outputs[0].data).toEqual(['-Infinity', 'NaN'])
    const back = await send(ask([n('[1]'), x('["-Infinity","NaN"]')], ['y']))
    expect((await back.json()).outputs[0].data).toEqual(['-Infinity', 'NaN'])
    const refused = await send(ask([n('["Infinity"]'), x()], ['m']))
    expect([refused.status, refused.headers.get(errorCodeHeader)]).toEqual([400, 'input_value_invalid'])
  })

  test('refuses ragged data', async () => {
    const response = await send(ask([n('[1]'), x('[[1,2],[3]]')], ['y']))
    expect([response.status, response.headers.get(errorCodeHeader)]).toEqual([400, 'input_size_invalid'])
  })

  test('refuses data beside binary_data_size', async () => {
    const text = ask([n('[1]'), x('[1,2]', ',"parameters":{"binary_data_size":8}')], ['y'])
    const response = await send(`${text}\0\0\0\0\0\0\0\0`, { [jsonLengthHeader]: `${text.length}` })
    expect(response.status).toBe(400)
    expect((await response.json()).error).toContain('either data or binary_data_size')
  })
})
