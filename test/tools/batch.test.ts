import { beforeAll, describe, expect, test } from 'vitest'
import { elementCount } from '../../models/core/tensor.ts'
import type { InspectReport } from '../../models/tools/inspect/report.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import type { ModelProto } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { modelProto, type Parts, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { folderWith } from './support/files.ts'
import { randomTensor } from './support/network.ts'
import { published } from './support/real-models.ts'

interface Report {
  readonly batch: number
  readonly repaired: number
  readonly rows: number
  readonly largest: number
}

const reason = withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''
const ints = (name: string, values: readonly number[]): Parts['nodes'][number] => ({
  op: 'Constant',
  inputs: [],
  outputs: [name],
  attributes: { value_ints: values },
})

const network = (
  nodes: Parts['nodes'],
  shape: readonly number[],
  outputs: Parts['outputs'],
  more: Partial<Parts> = {},
) => modelProto({ nodes, inputs: [value('x', shape)], outputs, ...more })

/** Makes a model batch, runs it on five rows, and tells the shapes of what comes out. */
async function batched(model: ModelProto) {
  const { model: path, path: named } = await folderWith(model)
  const out = named('batch.onnx')
  const report = await spillwayJson<Report>('batch', path, '-o', out)
  const { batch, inputs } = await spillwayJson<InspectReport>('inspect', out)
  const shape = (inputs[0]?.shape ?? []).map((size) => (typeof size === 'number' ? size : 5))
  const data = new Float32Array(elementCount(shape)).fill(0.5)
  const runnable = await ortRuntime.load(out, { backend: 'cpu', threads: 1 })
  const outputs = await runnable.run({ x: { type: 'float32', shape, data } })
  await runnable.release()
  return { report, batchable: batch.batchable, shapes: Object.values(outputs).map((tensor) => tensor.shape) }
}

describe('batch makes variable the batch size of', () => {
  test.each<[string, ModelProto, number, number[]]>([
    [
      'a model that nothing holds',
      network([{ op: 'Relu', inputs: ['x'], outputs: ['y'] }], [1, 4], [value('y', [1, 4])]),
      0,
      [5, 4],
    ],
    [
      'a reshape to one row',
      network(
        [ints('s', [1, 8]), { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
        [1, 2, 4],
        [value('y', [1, 8])],
      ),
      1,
      [5, 8],
    ],
    [
      'a reshape with another free dimension',
      network(
        [ints('s', [1, -1, 2]), { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
        [1, 2, 4],
        [value('y', [1, 4, 2])],
      ),
      1,
      [5, 4, 2],
    ],
    [
      'a reshape that folds the rows away and another that unfolds them',
      network(
        [
          ints('s', [8, 2]),
          ints('t', [1, 8, 2]),
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['a'] },
          { op: 'Softmax', inputs: ['a'], outputs: ['b'] },
          { op: 'Reshape', inputs: ['b', 't'], outputs: ['y'] },
        ],
        [1, 4, 4],
        [value('y', [1, 8, 2])],
      ),
      2,
      [5, 8, 2],
    ],
    [
      'a shape that is computed',
      network(
        [
          { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
          ints('zero', [0]),
          ints('rest', [8]),
          { op: 'Gather', inputs: ['shape', 'zero'], outputs: ['first'] },
          { op: 'Concat', inputs: ['first', 'rest'], outputs: ['s'], attributes: { axis: 0 } },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        [1, 2, 4],
        [value('y', [1, 8])],
      ),
      0,
      [5, 8],
    ],
    [
      'a token that is joined to every row',
      network(
        [{ op: 'Concat', inputs: ['token', 'x'], outputs: ['y'], attributes: { axis: 1 } }],
        [1, 3, 4],
        [value('y', [1, 4, 4])],
        { tensors: [randomTensor('token', [1, 1, 4], 1, 1)] },
      ),
      1,
      [5, 4, 4],
    ],
    [
      'sizes to resize to',
      network(
        [ints('sizes', [1, 2, 8, 8]), { op: 'Resize', inputs: ['x', '', '', 'sizes'], outputs: ['y'] }],
        [1, 2, 4, 4],
        [value('y', [1, 2, 8, 8])],
      ),
      1,
      [5, 2, 8, 8],
    ],
    [
      'the stored first state of a recurrent layer',
      network(
        [
          { op: 'Transpose', inputs: ['x'], outputs: ['steps'], attributes: { perm: [1, 0, 2] } },
          {
            op: 'GRU',
            inputs: ['steps', 'w', 'r', '', '', 'state'],
            outputs: ['', 'last'],
            attributes: { hidden_size: 2 },
          },
          { op: 'Transpose', inputs: ['last'], outputs: ['y'], attributes: { perm: [1, 0, 2] } },
        ],
        [1, 6, 3],
        [value('y', [1, 1, 2])],
        {
          tensors: [
            randomTensor('w', [1, 6, 3], 1, 1),
            randomTensor('r', [1, 6, 2], 1, 2),
            randomTensor('state', [1, 1, 2], 1, 3),
          ],
        },
      ),
      1,
      [5, 1, 2],
    ],
    [
      'a batch of four',
      network([{ op: 'Softmax', inputs: ['x'], outputs: ['y'] }], [4, 3], [value('y', [4, 3])]),
      0,
      [5, 3],
    ],
  ])('%s', async (_what, model, repaired, shape) => {
    const result = await batched(model)
    expect(result.report).toMatchObject({ repaired, largest: expect.closeTo(0, 5) })
    expect(result).toMatchObject({ batchable: true, shapes: [shape] })
  })
})

describe('batch refuses', () => {
  let folder: string
  beforeAll(async () => {
    folder = await emptyFolder()
  })
  const softmax = (axis: number) => ({ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis } })

  test.each<[string, ModelProto, string]>([
    [
      'rows that depend on each other',
      network([softmax(0)], [2, 4], [value('y', [2, 4])]),
      'changes with the rows beside it',
    ],
    [
      'one row out of all',
      network(
        [{ op: 'ReduceMean', inputs: ['x'], outputs: ['y'], attributes: { axes: [0] } }],
        [1, 4],
        [value('y', [1, 4])],
      ),
      '"y" does not have one row for each of the input: got [1, 4] for 3 rows',
    ],
    [
      'rows folded away',
      network(
        [ints('s', [4, -1]), { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
        [1, 4, 2],
        [value('y', [4, 2])],
      ),
      'cannot be made to batch',
    ],
    [
      'inputs that are rounded by the range of all rows',
      network(
        [
          { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zero'] },
          { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['y'] },
        ],
        [1, 4],
        [value('y', [1, 4])],
      ),
      'free the batch first, then quantize',
    ],
    [
      'a batch that varies already',
      network([softmax(1)], [1, 4], [value('y', ['n', 4])], { inputs: [value('x', ['n', 4])] }),
      'varies already',
    ],
    [
      'strings of any number, for which samples cannot be made up',
      modelProto({
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        inputs: [value('x', ['n'], DataType.STRING)],
        outputs: [value('y', ['n'], DataType.STRING)],
      }),
      'The first dimension of every input varies already',
    ],
    [
      'inputs of several sizes',
      network([{ op: 'MatMul', inputs: ['x', 'z'], outputs: ['y'] }], [1, 4], [value('y', [1, 2])], {
        inputs: [value('x', [1, 4]), value('z', [4, 2])],
      }),
      'no fixed batch size in common: got 1 in "x", 4 in "z"',
    ],
  ])('%s, and writes nothing', async (_what, model, message) => {
    const { model: path, path: named } = await folderWith(model)
    const { code, err } = await spillway('batch', path, '-o', named('out.onnx'))
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(message) })
    expect(() => readModel(named('out.onnx'))).toThrow(expect.objectContaining({ code: 'file_missing' }))
  })

  test.skipIf(withoutTestModels)(`a model with a state${reason}`, async () => {
    const { code, err } = await spillway(
      'batch',
      published('silero-vad', 'silero_vad_16k_op15.onnx'),
      '-o',
      `${folder}/x.onnx`,
    )
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining('no fixed batch size in common: got 2 in "state"'),
    })
  })
})

describe.skipIf(withoutTestModels)(`batch opens published models${reason}`, () => {
  test.each([
    ['ultraface/version-RFB-320.onnx', 0],
    ['mnist/mnist.onnx', 1],
  ])('%s', async (path, repaired) => {
    const out = `${await emptyFolder()}/batch.onnx`
    const report = await spillwayJson<Report>('batch', published(path), '-o', out)
    expect(report).toMatchObject({ batch: 1, repaired, rows: 8 })
    expect(report.largest).toBeLessThan(1e-5)
    expect((await spillwayJson<InspectReport>('inspect', out)).batch.batchable).toBe(true)
  })
})
