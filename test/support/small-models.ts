import type { Manifest, TensorSpec } from '../../models/core/index.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { encode, modelProto, type Parts, value } from '../tools/support/build.ts'
import { ints } from './attention.ts'
import { digitsManifest } from './test-models.ts'

type Small = Pick<Parts, 'nodes' | 'tensors'>

const graph = ({ nodes, tensors = [] }: Small, width: number | string): Uint8Array =>
  encode(
    modelProto({
      nodes,
      tensors,
      inputs: [value('x', ['batch', width])],
      outputs: [value('y', ['batch', width])],
    }),
  )

/** Graphs from `x` to `y`, both declared as `[batch, width]`. Only the rows of `twice` are independent. */
export const smallGraphs = {
  twice: graph({ nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }] }, 3),
  same: graph({ nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }] }, 2),
  /** Declares that its output has other rows. */
  otherNames: encode(
    modelProto({
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      inputs: [value('x', ['nodes', 3])],
      outputs: [value('y', ['edges', 3])],
    }),
  ),
  /** Divides integers: a zero among them ends the process. */
  divides: encode(
    modelProto({
      nodes: [{ op: 'Div', inputs: ['a', 'b'], outputs: ['c'] }],
      inputs: ['a', 'b'].map((name) => value(name, ['n'], DataType.INT64)),
      outputs: [value('c', ['n'], DataType.INT64)],
    }),
  ),
  /** Divides by the largest of all rows. */
  shareOfMax: graph(
    {
      nodes: [
        { op: 'ReduceMax', inputs: ['x'], outputs: ['max'], attributes: { keepdims: 0 } },
        { op: 'Div', inputs: ['x', 'max'], outputs: ['y'] },
      ],
    },
    3,
  ),
  /** Subtracts the mean of the rows: the first axis is time. */
  timeMajor: graph(
    {
      nodes: [
        { op: 'ReduceMean', inputs: ['x'], outputs: ['mean'], attributes: { axes: [0] } },
        { op: 'Sub', inputs: ['x', 'mean'], outputs: ['y'] },
      ],
    },
    3,
  ),
  softmaxOverRows: graph(
    { nodes: [{ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } }] },
    1,
  ),
  /** Adds two rows before and two after. */
  padsRows: graph(
    { nodes: [{ op: 'Pad', inputs: ['x', 'pads'], outputs: ['y'] }], tensors: [ints('pads', [2, 0, 2, 0])] },
    3,
  ),
  /** Rounds by the range of all rows. */
  dynamicInt8: graph(
    {
      nodes: [
        { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zero'] },
        { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['y'] },
      ],
    },
    2,
  ),
  /** Adds a millionth of the same: too little for runs to show that rows depend on each other. */
  slightlyDynamicInt8: graph(
    {
      nodes: [
        { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zero'] },
        { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['rounded'] },
        { op: 'Constant', inputs: [], outputs: ['millionth'], attributes: { value_float: { float: 1e-6 } } },
        { op: 'Mul', inputs: ['rounded', 'millionth'], outputs: ['little'] },
        { op: 'Add', inputs: ['x', 'little'], outputs: ['y'] },
      ],
    },
    2,
  ),
}

export type SmallGraph = keyof typeof smallGraphs

const spec = (name: string, width: number): TensorSpec => ({ name, type: 'float32', shape: [-1, width] })

/** A manifest that says that the model batches, as earlier versions derived it, without a word on how that is known. */
export const smallManifest = (id: string, width: number): Manifest => ({
  schema: 1,
  id,
  version: '1',
  title: id,
  description: '',
  license: 'MIT',
  task: 'tensor',
  inputs: [spec('x', width)],
  outputs: [spec('y', width)],
  batchAxis: 0,
  variants: [...digitsManifest.variants.slice(0, 1)],
})
