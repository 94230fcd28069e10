import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { embeddingInBlocks } from '../support/backend-models.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { folderOf } from './support/files.ts'
import { randomTensor, tiedNetwork } from './support/network.ts'

const matrix = (type: DataType, bytesEach: number) =>
  create(TensorProtoSchema, {
    name: 'w',
    dataType: type,
    dims: [64n, 64n],
    rawData: new Uint8Array(64 * 64 * bytesEach).fill(1),
  })

/** One product of 64 × 64, computed in different ways from floats to floats. */
const graphs = {
  floats: encode(
    modelProto({
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      inputs: [value('x', ['n', 64])],
      outputs: [value('y', ['n', 64])],
      tensors: [randomTensor('w', [64, 64], 1, 1)],
    }),
  ),
  integers: encode(
    modelProto({
      nodes: [
        { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zero'] },
        { op: 'MatMulInteger', inputs: ['q', 'w', 'zero'], outputs: ['sums'] },
        { op: 'Cast', inputs: ['sums'], outputs: ['y'], attributes: { to: DataType.FLOAT } },
      ],
      inputs: [value('x', ['n', 64])],
      outputs: [value('y', ['n', 64])],
      tensors: [matrix(DataType.UINT8, 1)],
    }),
  ),
  halves: encode(
    modelProto({
      nodes: [
        { op: 'Cast', inputs: ['x'], outputs: ['h'], attributes: { to: DataType.FLOAT16 } },
        { op: 'MatMul', inputs: ['h', 'w'], outputs: ['p'] },
        { op: 'Cast', inputs: ['p'], outputs: ['y'], attributes: { to: DataType.FLOAT } },
      ],
      inputs: [value('x', ['n', 64])],
      outputs: [value('y', ['n', 64])],
      tensors: [matrix(DataType.FLOAT16, 2)],
    }),
  ),
}

async function variantsOf(files: Readonly<Record<string, Uint8Array>>) {
  const folder = await folderOf(files)
  const { variants } = await spillwayJson<Manifest>('manifest', folder)
  return { folder, variants: variants.map(({ id, precision, backends }) => [id, precision, backends]) }
}

const integer = ['wasm', 'cpu', 'cuda']

test.each<[string, Uint8Array, unknown[]]>([
  ['floats', graphs.floats, ['fp32', 'fp32', undefined]],
  ['products of uint8', graphs.integers, ['q8', 'q8', integer]],
  ['half floats', graphs.halves, ['fp16', 'fp16', undefined]],
])('a graph of %s is called so where its name says nothing', async (_what, graph, variant) => {
  expect((await variantsOf({ 'model.onnx': graph })).variants).toEqual([variant])
})

test('what a name says stays, and backends without kernels for the operators are left out', async () => {
  const { variants } = await variantsOf({ 'model.onnx': graphs.floats, 'model_q8.onnx': graphs.integers })
  expect(variants).toEqual([
    ['q8', 'q8', integer],
    ['fp32', 'fp32', undefined],
  ])
})

test('half floats beside another variant are for backends that compute in halves', async () => {
  const { variants } = await variantsOf({ 'model.onnx': graphs.halves, 'model_q8.onnx': graphs.integers })
  expect(variants).toEqual([
    ['q8', 'q8', integer],
    ['fp16', 'fp16', ['webgpu', 'cuda']],
  ])
})

test('weights in blocks of 4 bits are q4', async () => {
  const folder = await folderOf({ 'net.onnx': encode(tiedNetwork()) })
  const made = join(await emptyFolder(), 'net.onnx')
  await spillway('quantize', join(folder, 'net.onnx'), '--to', 'q4', '-o', made)
  const { variants } = await spillwayJson<Manifest>('manifest', join(made, '..'))
  expect(variants.map(({ id, precision }) => [id, precision])).toEqual([['q4', 'q4']])
})

test('operators of classical machine learning are for the CPU of a server, and inspect says so', async () => {
  const model = modelProto({
    nodes: [
      {
        op: 'Scaler',
        domain: 'ai.onnx.ml',
        inputs: ['x'],
        outputs: ['y'],
        attributes: { offset: { floats: [0] }, scale: { floats: [2] } },
      },
    ],
    inputs: [value('x', ['n', 3])],
    outputs: [value('y', ['n', 3])],
  })
  const { folder, variants } = await variantsOf({ 'model.onnx': encode(model) })
  expect(variants).toEqual([['fp32', 'fp32', ['cpu', 'cuda']]])
  const { out } = await spillway('inspect', join(folder, 'model.onnx'))
  expect(out).toMatch(/^ {2}ai\.onnx\.ml\.Scaler +1 +no kernel +no kernel +runs$/m)
})

test('inspect says which backends lack an operator that others have', async () => {
  const folder = await folderOf({ 'model.onnx': embeddingInBlocks() })
  const { out } = await spillway('inspect', join(folder, 'model.onnx'))
  expect(out).toMatch(/^ {2}com\.microsoft\.GatherBlockQuantized +1 +runs +no kernel +runs$/m)
  expect(out).toContain('every node runs on the GPU\n')
})
