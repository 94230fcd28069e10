import { describe, expect, test } from 'vitest'
import type { AttributeValue } from '../../models/tools/graph/attributes.ts'
import { constantsToWeights } from '../../models/tools/graph/constants.ts'
import { opsetOf } from '../../models/tools/graph/metadata.ts'
import type { NodeParts } from '../../models/tools/graph/node.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import type { Model } from '../../models/tools/onnx/model.ts'
import { upgradeOpset } from '../../models/tools/passes/upgrade.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { randomSamples } from '../../models/tools/run-model/random-samples.ts'
import { withLoaded } from '../../models/tools/run-model/with-loaded.ts'
import { build, value } from './support/build.ts'

/** One node of an old operator set on `x` of [2, 3, 4, 4]. */
const one = (
  opset: number,
  op: string,
  attributes: Record<string, AttributeValue>,
  outputs = ['y'],
  more: NodeParts[] = [],
  inputs: string[] = [],
) =>
  build({
    nodes: [...more, { op, inputs: ['x', ...inputs], outputs, attributes }],
    inputs: [value('x', [2, 3, 4, 4])],
    outputs: outputs.map((name) =>
      value(
        name,
        Array.from({ length: 4 }, (_, axis) => `${name}${axis}`),
      ),
    ),
    opset,
  })

const floats = (values: readonly number[]): AttributeValue => ({ floats: values })

async function answers(model: Model) {
  const [sample = {}] = randomSamples(model, new Map(), 1)
  return withLoaded(ortRuntime, model, { backend: 'cpu', threads: 1 }, (runnable) => runnable.run(sample))
}

describe('upgrading an old operator set keeps the outputs', () => {
  test.each<[string, Model]>([
    ['Slice', one(9, 'Slice', { starts: [1, 0], ends: [2 ** 63, -1], axes: [1, 3] })],
    ['Slice of the first axes', one(9, 'Slice', { starts: [0, 1], ends: [1, 3] })],
    ['Split', one(11, 'Split', { axis: 1, split: [1, 2] }, ['y', 'z'])],
    ['Split evenly', one(11, 'Split', { axis: 2 }, ['y', 'z'])],
    ['ReduceSum', one(11, 'ReduceSum', { axes: [1, 2] })],
    ['Pad', one(9, 'Pad', { pads: [0, 0, 1, 2, 0, 0, 2, 1], value: { float: 3 } })],
    ['Clip', one(9, 'Clip', { min: { float: -0.5 }, max: { float: 0.25 } })],
    ['Clip from above', one(9, 'Clip', { max: { float: 0.25 } })],
    ['Softmax of all that follows', one(9, 'Softmax', { axis: 1 })],
    ['Softmax of the last axis', one(9, 'Softmax', { axis: 3 })],
    ['LogSoftmax', one(11, 'LogSoftmax', { axis: 2 })],
    ['Upsample', one(8, 'Upsample', { mode: 'nearest', scales: floats([1, 1, 2, 2]) })],
    ['Upsample between', one(8, 'Upsample', { mode: 'linear', scales: floats([1, 1, 2, 2]) })],
    ['Dropout', one(9, 'Dropout', { ratio: { float: 0.3 } })],
  ])('%s', async (_name, model) => {
    const upgraded = upgradeOpset(constantsToWeights(model))
    expect(opsetOf(upgraded)).toBe(13)
    expect(await answers(upgraded)).toEqual(await answers(model))
  })

  test('TopK', async () => {
    const model = build({
      nodes: [{ op: 'TopK', inputs: ['x'], outputs: ['y', 'places'], attributes: { axis: 1, k: 2 } }],
      inputs: [value('x', [2, 5])],
      outputs: [value('y', [2, 2]), value('places', [2, 2], DataType.INT64)],
      opset: 9,
    })
    expect(await answers(upgradeOpset(model))).toEqual(await answers(model))
  })

  test('Squeeze and Unsqueeze', async () => {
    const model = build({
      nodes: [
        { op: 'Unsqueeze', inputs: ['x'], outputs: ['a'], attributes: { axes: [0, 3] } },
        { op: 'Squeeze', inputs: ['a'], outputs: ['y'], attributes: { axes: [3] } },
      ],
      inputs: [value('x', [2, 3])],
      outputs: [value('y', [1, 2, 3])],
      opset: 11,
    })
    expect(await answers(upgradeOpset(model))).toEqual(await answers(model))
  })

  test('a new operator set is left unchanged', () => {
    const model = one(17, 'Relu', {})
    expect(upgradeOpset(model)).toBe(model)
  })

  test('an operator set that is too old is refused', () => {
    expect(() => upgradeOpset(one(6, 'Relu', {}))).toThrow(
      expect.objectContaining({
        code: 'not_supported',
        message: expect.stringContaining('Operator set 6 is too old'),
      }),
    )
  })
})
