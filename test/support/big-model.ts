import { create } from '@bufbuild/protobuf'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

/** Random numbers that repeat at a distance which no compression of the browser's storage sees. */
const distance = 2 ** 18

/** y = x · W for a square W of random numbers, an ONNX model of about 4 · side² bytes. */
export function bigModel(side: number): Buffer {
  const block = Float32Array.from({ length: distance }, () => Math.random() - 0.5)
  const weights = new Float32Array(side * side)
  for (let at = 0; at < weights.length; at += distance)
    weights.set(block.subarray(0, weights.length - at), at)
  const w = create(TensorProtoSchema, {
    name: 'w',
    dims: [BigInt(side), BigInt(side)],
    dataType: DataType.FLOAT,
    rawData: new Uint8Array(weights.buffer),
  })
  return Buffer.from(
    encode(
      modelProto({
        nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
        inputs: [value('x', ['n', side])],
        outputs: [value('y', ['n', side])],
        tensors: [w],
      }),
    ),
  )
}

/** The manifest of `bigModel`, with one file at `model.onnx`. */
export const bigManifest = (id: string, side: number, size: number, sha256: string) => ({
  schema: 1 as const,
  id,
  version: '1',
  title: 'A matrix',
  description: 'A model for tests.',
  license: 'MIT',
  task: 'tensor' as const,
  inputs: [{ name: 'x', type: 'float32' as const, shape: [-1, side] }],
  outputs: [{ name: 'y', type: 'float32' as const, shape: [-1, side] }],
  batchAxis: 0 as const,
  tolerance: 1e-3,
  variants: [
    {
      id: 'fp32',
      precision: 'fp32' as const,
      memory: size * 2,
      files: [{ path: 'model.onnx', size, sha256 }],
    },
  ],
})
