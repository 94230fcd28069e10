import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import type { NodeParts } from '../../models/tools/graph/node.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { type TensorProto, TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { bytesOf } from '../../models/tools/onnx/values.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'

const vocabulary = 1_000
const width = 64
const heads = 4

const ints = (name: string, values: readonly number[]) =>
  constant(name, DataType.INT64, [values.length], BigInt64Array.from(values, BigInt))
const float = (name: string, number: number) => constant(name, DataType.FLOAT, [], Float32Array.of(number))

const constant = (name: string, dataType: DataType, dims: readonly number[], data: ArrayBufferView) =>
  create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData: bytesOf(data) })

/** A product with a matrix of random weights. */
const project = (input: string, output: string, from: number, to: number, seed: number) => ({
  node: { op: 'MatMul', inputs: [input, `${output}.weight`], outputs: [output] },
  tensor: randomTensor(`${output}.weight`, [from, to], from ** -0.5, seed),
})

/** Heads apart from the width: keys as columns, what else as rows. */
const apart = (input: string, output: string, perm: readonly number[]): NodeParts[] => [
  { op: 'Reshape', inputs: [input, 'apart'], outputs: [`${output}.split`] },
  { op: 'Transpose', inputs: [`${output}.split`], outputs: [output], attributes: { perm } },
]

/** One layer of a text encoder under the hub's names: attention that sees what the mask lets it, and two products. */
function encoderBytes(): Uint8Array {
  const query = project('embedded', 'query', width, width, 2)
  const key = project('embedded', 'key', width, width, 3)
  const values = project('embedded', 'value', width, width, 4)
  const mixed = project('together', 'mixed', width, width, 5)
  const up = project('attended', 'up', width, width * 4, 6)
  const down = project('bent', 'down', width * 4, width, 7)
  const nodes: NodeParts[] = [
    { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['embedded'] },
    query.node,
    key.node,
    values.node,
    ...apart('query', 'queries', [0, 2, 1, 3]),
    ...apart('key', 'keys', [0, 2, 3, 1]),
    ...apart('value', 'values', [0, 2, 1, 3]),
    { op: 'MatMul', inputs: ['queries', 'keys'], outputs: ['products'] },
    { op: 'Mul', inputs: ['products', 'scale'], outputs: ['scaled'] },
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: DataType.FLOAT } },
    { op: 'Sub', inputs: ['mask', 'one'], outputs: ['unseen'] },
    { op: 'Mul', inputs: ['unseen', 'far'], outputs: ['away'] },
    { op: 'Unsqueeze', inputs: ['away', 'middle'], outputs: ['bias'] },
    { op: 'Add', inputs: ['scaled', 'bias'], outputs: ['biased'] },
    { op: 'Softmax', inputs: ['biased'], outputs: ['shares'], attributes: { axis: -1 } },
    { op: 'MatMul', inputs: ['shares', 'values'], outputs: ['seen'] },
    { op: 'Transpose', inputs: ['seen'], outputs: ['turned'], attributes: { perm: [0, 2, 1, 3] } },
    { op: 'Reshape', inputs: ['turned', 'joined'], outputs: ['together'] },
    mixed.node,
    { op: 'Add', inputs: ['embedded', 'mixed'], outputs: ['attended'] },
    up.node,
    { op: 'Relu', inputs: ['up'], outputs: ['bent'] },
    down.node,
    { op: 'Add', inputs: ['attended', 'down'], outputs: ['last_hidden_state'] },
  ]
  const tensors: TensorProto[] = [
    randomTensor('table', [vocabulary, width], 1, 1),
    ...[query, key, values, mixed, up, down].map(({ tensor }) => tensor),
    ints('apart', [0, 0, heads, width / heads]),
    ints('joined', [0, 0, width]),
    ints('middle', [1, 2]),
    float('scale', (width / heads) ** -0.5),
    float('one', 1),
    float('far', 1e9),
  ]
  const ids = (name: string) => value(name, ['batch', 'tokens'], DataType.INT64)
  return encode(
    modelProto({
      nodes,
      tensors,
      inputs: [ids('input_ids'), ids('attention_mask')],
      outputs: [value('last_hidden_state', ['batch', 'tokens', width])],
    }),
  )
}

/** A folder with the model and its manifest, made for this run. */
export async function encoderFolder(): Promise<string> {
  const file = join(await emptyFolder(), 'encoder.onnx')
  await writeFile(file, encoderBytes())
  const pad = { axis: 1, value: 0 }
  return modelFolder(file, {
    id: 'encoder',
    title: 'Text encoder of random weights',
    task: 'tensor',
    inputs: [
      { name: 'input_ids', type: 'int64', shape: [-1, -1], pad },
      { name: 'attention_mask', type: 'int64', shape: [-1, -1], pad },
    ],
    outputs: [{ name: 'last_hidden_state', type: 'float32', shape: [-1, -1, width], pad }],
    batchAxis: 0,
    tolerance: 1e-4,
  })
}
