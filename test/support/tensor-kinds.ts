import { create } from '@bufbuild/protobuf'
import type { Manifest, TensorSpec } from '../../models/core/index.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TypeProto_TensorSchema, type ValueInfoProto } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { float, ints } from './attention.ts'

/** A value with a type and without a shape. */
function anyShape(name: string): ValueInfoProto {
  const made = value(name, [])
  if (made.type)
    made.type.value = {
      case: 'tensorType',
      value: create(TypeProto_TensorSchema, { elemType: DataType.FLOAT }),
    }
  return made
}

/** Graphs whose tensors are not all of numbers, of known shapes. */
export const kindGraphs = {
  /** Each city, and each twice: of the operators on strings, a page's runtime has few. */
  cities: encode(
    modelProto({
      nodes: [
        { op: 'Identity', inputs: ['city'], outputs: ['same'] },
        { op: 'Gather', inputs: ['city', 'indices'], outputs: ['twice'], attributes: { axis: 1 } },
      ],
      tensors: [ints('indices', [0, 0])],
      inputs: [value('city', ['N', 1], DataType.STRING)],
      outputs: [value('same', ['N', 1], DataType.STRING), value('twice', ['N', 2], DataType.STRING)],
    }),
  ),
  /** Twice its input. */
  anyShape: encode(
    modelProto({
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      inputs: [anyShape('x')],
      outputs: [anyShape('y')],
    }),
  ),
  noInput: encode(
    modelProto({
      nodes: [{ op: 'Range', inputs: ['start', 'end', 'step'], outputs: ['y'] }],
      tensors: [float('start', 1), float('end', 3), float('step', 1)],
      inputs: [],
      outputs: [value('y', [2])],
    }),
  ),
  /** Rounds to four bits, of which no JavaScript API here gives a tensor. */
  fourBits: encode(
    modelProto({
      opset: 21,
      nodes: [
        { op: 'Cast', inputs: ['x'], outputs: ['small'], attributes: { to: DataType.INT4 } },
        { op: 'Cast', inputs: ['small'], outputs: ['y'], attributes: { to: DataType.FLOAT } },
      ],
      inputs: [value('x', ['N'])],
      outputs: [value('small', ['N'], DataType.INT4), value('y', ['N'])],
    }),
  ),
  /** größe = 2x, y = 2x + 1. */
  twoOutputs: encode(
    modelProto({
      nodes: [
        { op: 'Add', inputs: ['x', 'x'], outputs: ['größe'] },
        { op: 'Add', inputs: ['größe', 'one'], outputs: ['y'] },
      ],
      tensors: [float('one', 1)],
      inputs: [value('x', ['N', 3])],
      outputs: [value('y', ['N', 3]), value('größe', ['N', 3])],
    }),
  ),
}

type Described = Omit<Manifest, 'schema' | 'version' | 'description' | 'license' | 'variants'>

const described = (
  id: string,
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
  batchAxis: 0 | null,
): Described => ({ id, title: id, task: 'tensor', inputs: [...inputs], outputs: [...outputs], batchAxis })

export const kindManifests: Readonly<Record<keyof typeof kindGraphs, Described>> = {
  cities: {
    ...described(
      'cities',
      [{ name: 'city', type: 'string', shape: [-1, 1] }],
      [
        { name: 'same', type: 'string', shape: [-1, 1] },
        { name: 'twice', type: 'string', shape: [-1, 2] },
      ],
      0,
    ),
    batching: { evidence: 'accepted' },
  },
  anyShape: described(
    'any-shape',
    [{ name: 'x', type: 'float32', shape: null }],
    [{ name: 'y', type: 'float32', shape: null }],
    null,
  ),
  noInput: described('no-input', [], [{ name: 'y', type: 'float32', shape: [2] }], null),
  fourBits: described(
    'four-bits',
    [{ name: 'x', type: 'float32', shape: [-1] }],
    [{ name: 'y', type: 'float32', shape: [-1] }],
    null,
  ),
  twoOutputs: {
    ...described(
      'two-outputs',
      [{ name: 'x', type: 'float32', shape: [-1, 3] }],
      [
        { name: 'y', type: 'float32', shape: [-1, 3] },
        { name: 'größe', type: 'float32', shape: [-1, 3] },
      ],
      0,
    ),
    batching: { evidence: 'proven' },
  },
}
