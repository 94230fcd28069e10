import { create } from '@bufbuild/protobuf'
import { DataType } from '../../../models/tools/onnx/data-type.ts'
import { type ModelProto, TensorProtoSchema } from '../../../models/tools/onnx/generated/onnx_pb.ts'
import { viewBytes } from '../../../models/tools/onnx/weight.ts'

import { randomFrom } from '../../../models/tools/run-model/random-samples.ts'
import { modelProto, value } from './build.ts'

/** A tensor of random floats of a size as trained weights have it. */
export function randomTensor(name: string, dims: readonly number[], scale: number, seed: number) {
  const random = randomFrom(seed)
  const count = dims.reduce((all, size) => all * size, 1)
  const data = Float32Array.from({ length: count }, () => random.normal() * scale)
  return create(TensorProtoSchema, {
    name,
    dataType: DataType.FLOAT,
    dims: dims.map(BigInt),
    rawData: viewBytes(data),
  })
}

const int64 = (name: string, values: readonly number[]) =>
  create(TensorProtoSchema, {
    name,
    dataType: DataType.INT64,
    dims: [BigInt(values.length)],
    int64Data: values.map(BigInt),
  })

/**
 * A small network with each kind of layer that there is in a language model: an embedding, a product with a
 * matrix either way round, one with a bias, and an output layer tied to the embedding.
 */
export function tiedNetwork(rows = 512, width = 64): ModelProto {
  const hidden = width * 2
  return modelProto({
    nodes: [
      { op: 'Gather', inputs: ['table', 'ids'], outputs: ['embedded'] },
      { op: 'MatMul', inputs: ['embedded', 'up'], outputs: ['wide'] },
      { op: 'Tanh', inputs: ['wide'], outputs: ['bent'] },
      { op: 'Reshape', inputs: ['bent', 'flat'], outputs: ['row'] },
      { op: 'Gemm', inputs: ['row', 'down', 'bias'], outputs: ['narrow'], attributes: { transB: 1 } },
      { op: 'Transpose', inputs: ['table'], outputs: ['turned'], attributes: { perm: [1, 0] } },
      { op: 'MatMul', inputs: ['narrow', 'turned'], outputs: ['scores'] },
    ],
    inputs: [value('ids', ['batch', 'sequence'], DataType.INT64)],
    outputs: [value('scores', ['rows', rows])],
    tensors: [
      randomTensor('table', [rows, width], 0.5, 1),
      randomTensor('up', [width, hidden], 0.1, 2),
      randomTensor('down', [width, hidden], 0.1, 3),
      randomTensor('bias', [width], 0.1, 4),
      int64('flat', [-1, hidden]),
    ],
  })
}

/** Three convolutions, the middle one with a normalisation after it and the last large enough for bytes to pay. */
export const convNetwork = (): ModelProto =>
  modelProto({
    nodes: [
      { op: 'Conv', inputs: ['image', 'w1', 'b1'], outputs: ['c1'], attributes: { pads: [1, 1, 1, 1] } },
      { op: 'Relu', inputs: ['c1'], outputs: ['r1'] },
      { op: 'Conv', inputs: ['r1', 'w2'], outputs: ['c2'], attributes: { pads: [1, 1, 1, 1] } },
      { op: 'BatchNormalization', inputs: ['c2', 'gamma', 'beta', 'mean', 'variance'], outputs: ['n2'] },
      { op: 'Relu', inputs: ['n2'], outputs: ['r2'] },
      {
        op: 'MaxPool',
        inputs: ['r2'],
        outputs: ['p2'],
        attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      },
      { op: 'Conv', inputs: ['p2', 'w3', 'b3'], outputs: ['c3'], attributes: { pads: [1, 1, 1, 1] } },
      { op: 'GlobalAveragePool', inputs: ['c3'], outputs: ['pooled'] },
      { op: 'Flatten', inputs: ['pooled'], outputs: ['scores'] },
    ],
    inputs: [value('image', ['batch', 3, 32, 32])],
    outputs: [value('scores', ['batch', 32])],
    tensors: [
      randomTensor('w1', [16, 3, 3, 3], 0.2, 1),
      randomTensor('b1', [16], 0.1, 2),
      randomTensor('w2', [32, 16, 3, 3], 0.1, 3),
      randomTensor('gamma', [32], 1, 4),
      randomTensor('beta', [32], 0.2, 5),
      randomTensor('mean', [32], 0.2, 6),
      positive(randomTensor('variance', [32], 1, 7)),
      randomTensor('w3', [32, 32, 3, 3], 0.1, 8),
      randomTensor('b3', [32], 0.1, 9),
    ],
  })

function positive(tensor: ReturnType<typeof randomTensor>): typeof tensor {
  const floats = new Float32Array(tensor.rawData.slice().buffer).map((one) => Math.abs(one) + 0.1)
  return { ...tensor, rawData: viewBytes(floats) }
}
