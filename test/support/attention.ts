import { create } from '@bufbuild/protobuf'
import type { NodeParts } from '../../models/tools/graph/node.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { type TensorProto, TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { viewBytes } from '../../models/tools/onnx/weight.ts'

import { randomTensor } from '../tools/support/network.ts'

/** A part of a graph, with its weights. */
export interface Part {
  readonly nodes: readonly NodeParts[]
  readonly tensors: readonly TensorProto[]
}

export interface Heads {
  readonly width: number
  readonly heads: number
}

export const joinParts = (...parts: readonly Part[]): Part => ({
  nodes: parts.flatMap(({ nodes }) => nodes),
  tensors: parts.flatMap(({ tensors }) => tensors),
})

export const step = (...nodes: readonly NodeParts[]): Part => ({ nodes, tensors: [] })

const constant = (name: string, dataType: DataType, dims: readonly number[], data: ArrayBufferView) =>
  create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData: viewBytes(data) })

export const ints = (name: string, values: readonly number[]) =>
  constant(name, DataType.INT64, [values.length], BigInt64Array.from(values, BigInt))
export const float = (name: string, number: number) =>
  constant(name, DataType.FLOAT, [], Float32Array.of(number))

/** A `MatMul` with a matrix of random weights. */
export const project = (input: string, output: string, from: number, to: number, seed: number): Part => ({
  nodes: [{ op: 'MatMul', inputs: [input, `${output}.weight`], outputs: [output] }],
  tensors: [randomTensor(`${output}.weight`, [from, to], from ** -0.5, seed)],
})

/** Splits the width into heads. Keys become columns, queries and values rows. */
const splitHeads = (input: string, output: string, perm: readonly number[]): NodeParts[] => [
  { op: 'Reshape', inputs: [input, 'apart'], outputs: [`${output}.split`] },
  { op: 'Transpose', inputs: [`${output}.split`], outputs: [output], attributes: { perm } },
]

/** Shared by all layers' attention: the mask as a bias for the scores, and the sizes of the heads. */
export const attentionMask = ({ width, heads }: Heads): Part => ({
  nodes: [
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: DataType.FLOAT } },
    { op: 'Sub', inputs: ['mask', 'one'], outputs: ['unseen'] },
    { op: 'Mul', inputs: ['unseen', 'far'], outputs: ['away'] },
    { op: 'Unsqueeze', inputs: ['away', 'middle'], outputs: ['unseen.bias'] },
  ],
  tensors: [
    ints('apart', [0, 0, heads, width / heads]),
    ints('joined', [0, 0, width]),
    ints('middle', [1, 2]),
    float('scale', (width / heads) ** -0.5),
    float('one', 1),
    float('far', 1e9),
  ],
})

/** Masked attention over queries, keys and values that have all heads side by side. */
export const attention = (query: string, key: string, value: string, output: string): Part => {
  const own = (name: string) => `${output}.${name}`
  return step(
    ...splitHeads(query, own('queries'), [0, 2, 1, 3]),
    ...splitHeads(key, own('keys'), [0, 2, 3, 1]),
    ...splitHeads(value, own('values'), [0, 2, 1, 3]),
    { op: 'MatMul', inputs: [own('queries'), own('keys')], outputs: [own('products')] },
    { op: 'Mul', inputs: [own('products'), 'scale'], outputs: [own('scaled')] },
    { op: 'Add', inputs: [own('scaled'), 'unseen.bias'], outputs: [own('biased')] },
    { op: 'Softmax', inputs: [own('biased')], outputs: [own('shares')], attributes: { axis: -1 } },
    { op: 'MatMul', inputs: [own('shares'), own('values')], outputs: [own('seen')] },
    { op: 'Transpose', inputs: [own('seen')], outputs: [own('turned')], attributes: { perm: [0, 2, 1, 3] } },
    { op: 'Reshape', inputs: [own('turned'), 'joined'], outputs: [output] },
  )
}
