import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { constantsToWeights } from '../../models/tools/graph/constants.ts'
import { sweep } from '../../models/tools/graph/sweep.ts'
import { layOutExternalData } from '../../models/tools/onnx/external.ts'
import { NodeProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import type { Model } from '../../models/tools/onnx/model.ts'
import { parseModel, readModel } from '../../models/tools/onnx/read.ts'
import { modelBytes, saveModel } from '../../models/tools/onnx/save.ts'
import { floatWeight } from '../../models/tools/onnx/weight.ts'
import { modelChunks, modelSize } from '../../models/tools/onnx/write.ts'
import { emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { build, encode, modelProto, value } from './support/build.ts'
import { nameOf, realModels } from './support/real-models.ts'

const published = withoutTestModels ? ` (ours only: ${withoutTestModels})` : ''

function expectSame(one: Model, other: Model): void {
  expect(other.nodes).toEqual(one.nodes)
  expect([other.inputs, other.outputs, other.header, other.graphMetadata]).toEqual([
    one.inputs,
    one.outputs,
    one.header,
    one.graphMetadata,
  ])
  expect([...other.weights.keys()]).toEqual([...one.weights.keys()])
  for (const [name, weight] of one.weights) {
    const copy = other.weights.get(name)
    expect([copy?.type, copy?.dims]).toEqual([weight.type, weight.dims])
    expect(Buffer.compare(copy?.bytes() ?? Buffer.alloc(0), weight.bytes()), name).toBe(0)
  }
}

describe(`a model is written${published}`, () => {
  test.each(realModels.map((path) => [nameOf(path), path]))('as it was read: %s', async (_name, path) => {
    const model = readModel(path)
    const copy = join(await emptyFolder(), 'copy.onnx')
    expect(saveModel(model, copy)).toEqual([copy])
    expect(readFileSync(copy).length).toBe(modelSize(model))
    expectSame(model, readModel(copy))
  })

  test('over the file that it was read from', async () => {
    const path = join(await emptyFolder(), 'model.onnx')
    copyFileSync(realModels[0] ?? '', path)
    const before = readModel(path)
    saveModel(before, path)
    expectSame(before, readModel(path))
  })

  test('with fields that this version of the format does not have', () => {
    const proto = modelProto({
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
      inputs: [value('x', [1])],
      outputs: [value('y', [1])],
    })
    const node = create(NodeProtoSchema, proto.graph?.node[0])
    node.$unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(7) }]
    proto.graph?.node.splice(0, 1, node)
    const again = parseModel(modelBytes(parseModel(encode(proto))))
    expect(again.nodes[0]?.$unknown).toEqual(node.$unknown)
  })

  test('with its large weights in a second file', async () => {
    const model = build({
      nodes: [
        { op: 'Add', inputs: ['x', 'large'], outputs: ['a'] },
        { op: 'Add', inputs: ['a', 'small'], outputs: ['y'] },
      ],
      inputs: [value('x', [1000]), value('large', [1000]), value('small', [1])],
      outputs: [value('y', [1000])],
    })
    const large = floatWeight(
      'large',
      Array.from({ length: 1000 }, (_, index) => index),
    )
    const whole: Model = {
      ...model,
      inputs: model.inputs.slice(0, 1),
      weights: new Map([large, floatWeight('small', [1])].map((weight) => [weight.name, weight])),
    }
    const folder = await emptyFolder()
    const placed = layOutExternalData(whole, 'model.onnx_data')
    expect([...placed.keys()]).toEqual(['large'])
    writeFileSync(join(folder, 'model.onnx'), Buffer.concat([...modelChunks(whole, placed)]))
    writeFileSync(join(folder, 'model.onnx_data'), large.bytes())
    expectSame(whole, readModel(join(folder, 'model.onnx')))
  })
})

describe('a pass tidies a graph', () => {
  const model = build({
    nodes: [
      { op: 'Constant', inputs: [], outputs: ['one'], attributes: { value_float: { float: 1 } } },
      { op: 'Constant', inputs: [], outputs: ['shape'], attributes: { value_ints: [1, -1] } },
      { op: 'Add', inputs: ['x', 'one'], outputs: ['a'] },
      { op: 'Mul', inputs: ['x', 'one'], outputs: ['unused'] },
      { op: 'Reshape', inputs: ['a', 'shape'], outputs: ['y'] },
    ],
    inputs: [value('x', [2, 2])],
    outputs: [value('y', [1, 4])],
  })

  test('constants become weights', () => {
    const { nodes, weights } = constantsToWeights(model)
    expect(nodes.map(({ opType }) => opType)).toEqual(['Add', 'Mul', 'Reshape'])
    expect([...weights.values()].map(({ name, dims }) => [name, dims])).toEqual([
      ['one', []],
      ['shape', [2]],
    ])
  })

  test('unused nodes and weights are removed', () => {
    expect(sweep(constantsToWeights(model)).nodes.map(({ opType }) => opType)).toEqual(['Add', 'Reshape'])
  })
})
