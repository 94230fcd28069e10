import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { modelFile } from '../../models/core/manifest.ts'
import { inferResponse } from '../../models/protocols/oip-schemas.ts'
import type { InspectReport } from '../../models/tools/inspect/report.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import {
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../models/tools/onnx/generated/onnx_pb.ts'
import { startTestApp } from '../support/test-app.ts'
import { encode, modelProto, type Parts, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { folderOf } from './support/files.ts'

const relu = { op: 'Relu', inputs: ['x'], outputs: ['y'] }

/** An output of which the file says the name only. */
const bare = (name: string): ValueInfoProto => create(ValueInfoProtoSchema, { name })

function shapeless(name: string): ValueInfoProto {
  const declared = value(name, [])
  if (declared.type?.value.case === 'tensorType') declared.type.value.value.shape = undefined
  return declared
}

const describeModel = async (parts: Parts) =>
  spillwayJson<Manifest>('manifest', await folderOf({ 'model.onnx': encode(modelProto(parts)) }))

const floats = (name: string, values: readonly number[]) =>
  create(TensorProtoSchema, {
    name,
    dataType: DataType.FLOAT,
    dims: [BigInt(values.length)],
    floatData: [...values],
  })

/** The answer of a server with the model that a folder's manifest describes. */
async function ask(folder: string, name: string, inputs: readonly object[]) {
  const app = await startTestApp({ models: [folder] })
  try {
    const response = await app.request(`/v2/models/${name}/infer`, {
      method: 'POST',
      body: JSON.stringify({ inputs }),
    })
    return inferResponse.parse(await response.json()).outputs.map(({ name, shape, data }) => ({
      name,
      shape,
      data,
    }))
  } finally {
    app.close()
  }
}

describe('spillway manifest describes what ONNX Runtime runs', () => {
  test('a dimension of −1 is open', async () => {
    const made = await describeModel({
      nodes: [relu],
      inputs: [value('x', [-1, 3])],
      outputs: [value('y', [-1, 3])],
    })
    expect(made).toMatchObject({ inputs: [{ shape: [-1, 3] }], outputs: [{ shape: [-1, 3] }], batchAxis: 0 })
  })

  test.each([
    ['a type and no shape', shapeless('y')],
    ['a name only', bare('y')],
  ])('an output with %s has those that the runtime infers', async (_what, output) => {
    const made = await describeModel({ nodes: [relu], inputs: [value('x', ['n', 3])], outputs: [output] })
    expect(made).toMatchObject({
      outputs: [{ name: 'y', type: 'float32', shape: [-1, 3] }],
      batchAxis: 0,
      batching: { evidence: 'proven' },
    })
  })

  test('a scalar without a declared shape is one', async () => {
    const sum = { op: 'ReduceSum', inputs: ['x'], outputs: ['y'], attributes: { keepdims: 0 } }
    const made = await describeModel({
      nodes: [sum],
      inputs: [value('x', ['n', 3])],
      outputs: [shapeless('y')],
    })
    expect(made).toMatchObject({ outputs: [{ name: 'y', shape: [] }], batchAxis: null })
  })

  test('a run shows the rank that the runtime does not infer', async () => {
    const made = await describeModel({
      nodes: [
        { op: 'Shape', inputs: ['x'], outputs: ['sizes'] },
        { op: 'Cast', inputs: ['sizes'], outputs: ['floats'], attributes: { to: DataType.FLOAT } },
        { op: 'Cast', inputs: ['floats'], outputs: ['same'], attributes: { to: DataType.INT64 } },
        { op: 'Reshape', inputs: ['x', 'same'], outputs: ['y'] },
      ],
      inputs: [value('x', ['n', 3])],
      outputs: [shapeless('y')],
    })
    expect(made.outputs).toEqual([{ name: 'y', type: 'float32', shape: [-1, -1] }])
  })

  test('an initializer that is an input too keeps its value', async () => {
    const model = modelProto({
      nodes: [{ op: 'Mul', inputs: ['x', 'scale'], outputs: ['y'] }],
      inputs: [value('x', ['n']), value('scale', [1])],
      outputs: [value('y', ['n'])],
      tensors: [floats('scale', [2])],
    })
    const folder = await folderOf({ 'model.onnx': encode(model) })
    const made = await spillwayJson<Manifest>('manifest', folder, '--id', 'scaled')
    expect(made.inputs.map(({ name }) => name)).toEqual(['x'])
    const answer = await ask(folder, 'scaled', [{ name: 'x', datatype: 'FP32', shape: [1], data: [3] }])
    expect(answer).toEqual([{ name: 'y', shape: [1], data: [6] }])
  })

  test('names of a cache that is not this project’s are inputs and outputs like others', async () => {
    const key = 'past_key_values.0.decoder.key'
    const made = await describeModel({
      nodes: [
        { op: 'Add', inputs: ['x', key], outputs: ['present.0.decoder.key'] },
        { op: 'Relu', inputs: ['x'], outputs: ['logits'] },
      ],
      inputs: [value('x', ['n', 2]), value(key, ['n', 2])],
      outputs: [value('logits', ['n', 2]), value('present.0.decoder.key', ['n', 2])],
    })
    expect(made.inputs.map(({ name }) => name)).toEqual(['x', key])
    expect(made.outputs.map(({ name }) => name)).toEqual(['logits', 'present.0.decoder.key'])
    expect(made.task).toBe('tensor')
  })

  test('an output that is no tensor is left out, which is said', async () => {
    const folder = await folderOf({
      'model.onnx': encode(
        modelProto({
          nodes: [relu, { op: 'SequenceConstruct', inputs: ['x', 'y'], outputs: ['both'] }],
          inputs: [value('x', ['n', 3])],
          outputs: [value('y', ['n', 3]), bare('both')],
        }),
      ),
    })
    const { code, err } = await spillway('manifest', folder, '--id', 'half')
    expect({ code, err }).toEqual({ code: 0, err: 'spillway: both is no tensor: it is left out\n' })
    const answer = await ask(folder, 'half', [
      { name: 'x', datatype: 'FP32', shape: [1, 3], data: [-1, 2, 3] },
    ])
    expect(answer).toEqual([{ name: 'y', shape: [1, 3], data: [0, 2, 3] }])
  })

  test('ZipMap is left out, and its tensor taken in place of its maps', async () => {
    const model = modelProto({
      nodes: [
        {
          op: 'LinearClassifier',
          domain: 'ai.onnx.ml',
          inputs: ['x'],
          outputs: ['label', 'scores'],
          attributes: {
            coefficients: { floats: [1, 0, 0, 1] },
            intercepts: { floats: [0, 0] },
            classlabels_ints: [5, 7],
          },
        },
        {
          op: 'ZipMap',
          domain: 'ai.onnx.ml',
          inputs: ['scores'],
          outputs: ['maps'],
          attributes: { classlabels_int64s: [5, 7] },
        },
      ],
      inputs: [value('x', ['n', 2])],
      outputs: [value('label', ['n'], DataType.INT64), bare('maps')],
    })
    const folder = await folderOf({ 'tree.onnx': encode(model) })
    for (let time = 0; time < 2; time++) {
      const { code, err } = await spillway('manifest', folder, '--id', 'tree')
      expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('without ZipMap') })
    }
    const { batch } = await spillwayJson<InspectReport>('inspect', join(folder, 'tree.onnx'))
    expect(batch).toMatchObject({ batchable: true })
    const made: Manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
    expect(made.outputs.map(({ name, type, shape }) => [name, type, shape])).toEqual([
      ['label', 'int64', [-1]],
      ['scores', 'float32', [-1, -1]],
    ])
    expect(made).toMatchObject({ batchAxis: 0, variants: [{ files: [{ path: 'tree.plain.onnx' }] }] })
    const answer = await ask(folder, 'tree', [
      { name: 'x', datatype: 'FP32', shape: [2, 2], data: [3, 1, 0, 2] },
    ])
    expect(answer).toEqual([
      { name: 'label', shape: [2], data: [5, 7] },
      { name: 'scores', shape: [2, 2], data: [3, 1, 0, 2] },
    ])
    // As "spillway pull" fetches it: the copy without its original. What people wrote about it stays.
    const [variant] = made.variants
    if (!variant) throw new Error('no variant')
    const pulled = await folderOf({ 'tree.plain.onnx': readFileSync(join(folder, 'tree.plain.onnx')) })
    const written = { ...made, variants: [{ ...variant, id: 'own' }] }
    writeFileSync(join(pulled, 'manifest.json'), JSON.stringify(written))
    expect(await spillwayJson<Manifest>('manifest', pulled)).toEqual(written)
  })
})

describe('files are taken under the names that people give them', () => {
  test.each(['best (1).onnx', 'text_encoder.onnx', 'yolov8n.q2.onnx', 'größe & maß #2.onnx'])(
    '%s',
    async (name) => {
      const folder = await folderOf({
        [name]: encode(
          modelProto({ nodes: [relu], inputs: [value('x', ['n', 3])], outputs: [value('y', ['n', 3])] }),
        ),
      })
      const made = await spillwayJson<Manifest>('manifest', folder, '--id', 'named')
      const [file] = made.variants[0]?.files ?? []
      expect(file?.path).toBe(name)
      const app = await startTestApp({ models: [folder] })
      try {
        const response = await app.request(`/models/named/${modelFile(file ?? expect.fail('no file'))}`)
        expect(new Uint8Array(await response.arrayBuffer())).toEqual(
          new Uint8Array(readFileSync(join(folder, name))),
        )
      } finally {
        app.close()
      }
      const answer = await ask(folder, 'named', [
        { name: 'x', datatype: 'FP32', shape: [1, 3], data: [-1, 2, 3] },
      ])
      expect(answer).toEqual([{ name: 'y', shape: [1, 3], data: [0, 2, 3] }])
    },
  )
})
