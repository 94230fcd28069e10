import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { toHalf } from '../../models/core/half.ts'
import type { TensorSpec } from '../../models/core/index.ts'
import { makeNode } from '../../models/tools/graph/node.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  TensorProtoSchema,
} from '../../models/tools/onnx/generated/onnx_pb.ts'
import { viewBytes } from '../../models/tools/onnx/weight.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { ints } from './attention.ts'
import { emptyFolder, modelFolder } from './test-models.ts'

const halves = (name: string, dims: readonly number[]) =>
  create(TensorProtoSchema, {
    name,
    dataType: DataType.FLOAT16,
    dims: dims.map(BigInt),
    rawData: viewBytes(
      Uint16Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, at) =>
        toHalf(Math.sin(at)),
      ),
    ),
  })

/** A graph that gives its input back, one at once and a zero after as many turns of a loop as never come to an end. */
export function endlessGraph(): Uint8Array {
  const body = create(GraphProtoSchema, {
    name: 'body',
    node: [
      makeNode({ op: 'Identity', inputs: ['go'], outputs: ['goOn'] }),
      makeNode({ op: 'Identity', inputs: ['before'], outputs: ['after'] }),
    ],
    input: [value('turn', [], DataType.INT64), value('go', [], DataType.BOOL), value('before', [1])],
    output: [value('goOn', [], DataType.BOOL), value('after', [1])],
  })
  const model = modelProto({
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['isOther'], attributes: { to: DataType.BOOL } },
      { op: 'Where', inputs: ['isOther', 'once', 'often'], outputs: ['turns'] },
      { op: 'Loop', inputs: ['turns', '', 'x'], outputs: ['y'] },
    ],
    inputs: [value('x', [1])],
    outputs: [value('y', [1])],
    tensors: [ints('once', [1]), ints('often', [2 ** 52])],
  })
  const attribute = create(AttributeProtoSchema, {
    name: 'body',
    type: AttributeProto_AttributeType.GRAPH,
    g: body,
  })
  model.graph?.node.at(-1)?.attribute.push(attribute)
  return encode(model)
}

/** The rest of 7 divided by the input as an integer: of a zero it is an error, in WebAssembly a trap. */
export const trappingGraph = () =>
  encode(
    modelProto({
      nodes: [
        { op: 'Cast', inputs: ['x'], outputs: ['divisor'], attributes: { to: DataType.INT64 } },
        { op: 'Mod', inputs: ['seven', 'divisor'], outputs: ['rest'] },
        { op: 'Cast', inputs: ['rest'], outputs: ['y'], attributes: { to: DataType.FLOAT } },
      ],
      inputs: [value('x', [1])],
      outputs: [value('y', [1])],
      tensors: [ints('seven', [7])],
    }),
  )

/**
 * A graph of half floats on which ONNX Runtime 1.30 crashes at graphOptimizationLevel "all", and not at "extended".
 *
 * @param rows The first two sizes that its output is declared with.
 */
export const crashingGraph = (rows: readonly [string, string] = ['b', 'a']) =>
  encode(
    modelProto({
      nodes: [
        { op: 'Gather', inputs: ['w', 'x'], outputs: ['h'] },
        { op: 'Transpose', inputs: ['h'], outputs: ['t'], attributes: { perm: [1, 0, 2] } },
        { op: 'MatMul', inputs: ['t', 'p'], outputs: ['m'] },
        { op: 'Cast', inputs: ['m'], outputs: ['y'], attributes: { to: DataType.FLOAT } },
      ],
      inputs: [value('x', ['a', 'b'], DataType.INT64)],
      outputs: [value('y', [...rows, 16])],
      tensors: [halves('w', [64, 16]), halves('p', [16, 16])],
    }),
  )

/** A graph that multiplies a matrix of 1,024 rows so many times. */
export function slowGraph(times: number): Uint8Array {
  const nodes = Array.from({ length: times }, (_, at) => ({
    op: 'MatMul',
    inputs: [`m${at}`, 'm0'],
    outputs: [`m${at + 1}`],
  }))
  return encode(
    modelProto({
      nodes: [
        { op: 'Expand', inputs: ['x', 'square'], outputs: ['m0'] },
        ...nodes,
        { op: 'Slice', inputs: [`m${times}`, 'from', 'to'], outputs: ['corner'] },
        { op: 'Reshape', inputs: ['corner', 'flat'], outputs: ['y'] },
      ],
      inputs: [value('x', [1])],
      outputs: [value('y', [1])],
      tensors: [ints('square', [1_024, 1_024]), ints('from', [0, 0]), ints('to', [1, 1]), ints('flat', [1])],
    }),
  )
}

/** A folder for SPILLWAY_MODELS with the one or the other. */
async function folderOf(id: string, graph: Uint8Array, inputs: TensorSpec[], shape: number[]) {
  const file = join(await emptyFolder(), 'model.onnx')
  await writeFile(file, graph)
  return modelFolder(file, {
    id,
    title: id,
    task: 'tensor',
    inputs,
    outputs: [{ name: 'y', type: 'float32', shape }],
    batchAxis: null,
    tolerance: 0,
  })
}

export const endlessFolder = () =>
  folderOf('endless', endlessGraph(), [{ name: 'x', type: 'float32', shape: [1] }], [1])

export const trappingFolder = () =>
  folderOf('trapping', trappingGraph(), [{ name: 'x', type: 'float32', shape: [1] }], [1])

export const crashingFolder = () =>
  folderOf('crashing', crashingGraph(), [{ name: 'x', type: 'int64', shape: [-1, -1] }], [-1, -1, 16])
