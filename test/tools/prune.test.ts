import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PruneReport } from '../../models/cli/output/prune.ts'
import type { ModelProto, TensorProto } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { viewBytes } from '../../models/tools/onnx/weight.ts'

import { emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { modelProto, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { folderWith } from './support/files.ts'
import { randomTensor, tiedNetwork } from './support/network.ts'
import { published } from './support/real-models.ts'

const reason = withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''

/** A tensor with zeros, or another number, at some positions of its first axis. */
function filled(tensor: TensorProto, positions: readonly number[], number = 0): TensorProto {
  const values = new Float32Array(tensor.rawData.slice().buffer)
  const each = values.length / Number(tensor.dims[0])
  for (const position of positions) values.fill(number, position * each, (position + 1) * each)
  return { ...tensor, rawData: viewBytes(values) }
}

interface Dead {
  readonly first: readonly number[]
  readonly second: readonly number[]
  readonly branch: readonly number[]
  /** What the bias of dead channels is: nothing of it comes through a Relu where it is below zero. */
  readonly bias?: number
}

/**
 * Every way in which channels hang together: a residual sum, a filter for each channel, two values side by side,
 * and a Flatten between convolutions and products.
 */
const network = ({ first, second, branch, bias = -1 }: Dead): ModelProto =>
  modelProto({
    nodes: [
      { op: 'Conv', inputs: ['x', 'w1', 'b1'], outputs: ['c1'], attributes: { pads: [1, 1, 1, 1] } },
      { op: 'Relu', inputs: ['c1'], outputs: ['r1'] },
      {
        op: 'Conv',
        inputs: ['r1', 'wd'],
        outputs: ['d1'],
        attributes: { pads: [1, 1, 1, 1], group: 8 },
      },
      { op: 'Conv', inputs: ['d1', 'w2', 'b2'], outputs: ['c2'] },
      { op: 'Relu', inputs: ['c2'], outputs: ['r2'] },
      { op: 'Add', inputs: ['r2', 'd1'], outputs: ['sum'] },
      { op: 'Conv', inputs: ['sum', 'w3', 'b3'], outputs: ['c3'] },
      { op: 'Relu', inputs: ['c3'], outputs: ['r3'] },
      { op: 'Concat', inputs: ['sum', 'r3'], outputs: ['both'], attributes: { axis: 1 } },
      { op: 'MaxPool', inputs: ['both'], outputs: ['small'], attributes: { kernel_shape: [2, 2] } },
      { op: 'Flatten', inputs: ['small'], outputs: ['row'] },
      { op: 'Gemm', inputs: ['row', 'w4', 'b4'], outputs: ['y'], attributes: { transB: 1 } },
    ],
    inputs: [value('x', ['batch', 3, 4, 4])],
    outputs: [value('y', ['batch', 5])],
    tensors: [
      filled(randomTensor('w1', [8, 3, 3, 3], 0.3, 1), first),
      filled(randomTensor('b1', [8], 0.3, 2), first, bias),
      randomTensor('wd', [8, 1, 3, 3], 0.3, 3),
      filled(randomTensor('w2', [8, 8, 1, 1], 0.3, 4), second),
      filled(randomTensor('b2', [8], 0.3, 5), second, bias),
      filled(randomTensor('w3', [6, 8, 1, 1], 0.3, 6), branch),
      filled(randomTensor('b3', [6], 0.3, 7), branch, bias),
      randomTensor('w4', [5, 14 * 9], 0.1, 8),
      randomTensor('b4', [5], 0.1, 9),
    ],
  })

async function pruned(model: ModelProto, ...options: readonly string[]) {
  const { model: path, path: named } = await folderWith(model)
  const out = named('pruned.onnx')
  const report = await spillwayJson<PruneReport>('prune', path, '-o', out, ...options)
  const dims = new Map([...readModel(out).weights].map(([name, weight]) => [name, weight.dims]))
  return { report, dims, largest: Math.max(...report.comparison.outputs.map(({ largest }) => largest)) }
}

const refused = async (model: ModelProto, ...options: readonly string[]) => {
  const { model: path, path: named } = await folderWith(model)
  const { code, err } = await spillway('prune', path, '-o', named('pruned.onnx'), ...options)
  expect(() => readModel(named('pruned.onnx'))).toThrow(expect.objectContaining({ code: 'file_missing' }))
  return { code, err }
}

describe('prune', () => {
  test('removes dead channels everywhere, and outputs stay equal', async () => {
    const { report, dims, largest } = await pruned(
      network({ first: [1, 2, 5], second: [2, 3, 5], branch: [0, 4] }),
    )
    expect(report.exact).toBe(true)
    expect(largest).toBeLessThan(1e-5)
    expect(report.comparison.b.bytes).toBeLessThan(report.comparison.a.bytes)
    // Channels 2 and 5 are dead in both parts of the sum, 1 and 3 in one of them.
    expect(Object.fromEntries(dims)).toEqual({
      w1: [6, 3, 3, 3],
      b1: [6],
      wd: [6, 1, 3, 3],
      w2: [6, 6, 1, 1],
      b2: [6],
      w3: [4, 6, 1, 1],
      b3: [4],
      w4: [5, 10 * 9],
      b4: [5],
    })
  })

  test('keeps outputs equal for any dead channels', async () => {
    const some = (count: number) => fc.subarray([...new Array(count).keys()])
    await fc.assert(
      fc.asyncProperty(
        some(8),
        some(8),
        some(6),
        fc.constantFrom(-1, 0),
        async (first, second, branch, bias) => {
          fc.pre(branch.length > 0)
          const { report, dims, largest } = await pruned(network({ first, second, branch, bias }))
          expect({ exact: report.exact, small: largest < 1e-5 }).toEqual({ exact: true, small: true })
          const both = first.filter((channel) => second.includes(channel)).length
          // The last channel of a layer stays, dead or not.
          expect(dims.get('w1')?.[0]).toBe(Math.max(1, 8 - both))
          expect(dims.get('w3')?.[0]).toBe(Math.max(1, 6 - branch.length))
        },
      ),
      { numRuns: 12, seed: 1 },
    )
  }, 60_000)

  test('keeps channels of zeros that a bias makes nonzero', async () => {
    const { code, err } = await refused(network({ first: [1, 2], second: [1, 2], branch: [3], bias: 1 }))
    expect({ code, err }).toEqual({
      code: 1,
      err: 'spillway: No channel of this model is dead: got 14 channels in 2 layers. Give a --sparsity or a --threshold to take the weakest.\n',
    })
  })

  test('removes the weakest share of each layer', async () => {
    const { report, dims } = await pruned(network({ first: [], second: [], branch: [] }), '--sparsity', '0.5')
    expect(report.exact).toBe(false)
    expect(dims.get('w1')).toEqual([4, 3, 3, 3])
    expect(dims.get('w3')).toEqual([3, 4, 1, 1])
    expect(report.comparison.outputs[0]?.largest).toBeGreaterThan(0)
  })

  test('removes channels that are never active on samples', async () => {
    const quiet = [1, 4, 6]
    const model = modelProto({
      nodes: [
        { op: 'MatMul', inputs: ['x', 'w1'], outputs: ['m'] },
        { op: 'Add', inputs: ['m', 'b1'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['r'] },
        { op: 'MatMul', inputs: ['r', 'w2'], outputs: ['y'] },
      ],
      inputs: [value('x', ['batch', 4])],
      outputs: [value('y', ['batch', 3])],
      tensors: [
        randomTensor('w1', [4, 8], 1, 1),
        filled(randomTensor('b1', [8], 0.1, 2), quiet, -100),
        randomTensor('w2', [8, 3], 1, 3),
      ],
    })
    expect((await refused(model)).err).toContain('No channel of this model is dead')
    const samples = `${await emptyFolder()}/samples.json`
    const rows = Array.from({ length: 32 }, (_, row) => ({ x: [1, 2, 3, 4].map((at) => Math.sin(row * at)) }))
    writeFileSync(samples, JSON.stringify(rows))
    const { dims, largest } = await pruned(model, '--samples', samples)
    expect(Object.fromEntries(dims)).toEqual({ w1: [4, 5], b1: [5], w2: [5, 3] })
    expect(largest).toBeLessThan(1e-6)
  })

  test('explains why a model has no channels to remove', async () => {
    const { err } = await refused(tiedNetwork(), '--sparsity', '0.5')
    expect(err).toContain('This model has no channels that could be taken out')
    expect(err).toContain('Reshape reads it')
  })
})

describe.skipIf(withoutTestModels)(`prune on published models${reason}`, () => {
  test.each([
    ['ultraface/version-RFB-320.onnx', 25, 0.7],
    ['mnist/mnist.onnx', 1, 0.9],
    ['mnist/mnist_original.onnx', 1, 0.8],
  ])('%s', async (path, layers, size) => {
    const out = `${await emptyFolder()}/pruned.onnx`
    const report = await spillwayJson<PruneReport>('prune', published(path), '--sparsity', '0.25', '-o', out)
    expect(report.layers.filter(({ removed }) => removed > 0)).toHaveLength(layers)
    expect(report.comparison.b.bytes / report.comparison.a.bytes).toBeLessThan(size)
  })
})
