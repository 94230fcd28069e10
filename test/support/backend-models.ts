import { create } from '@bufbuild/protobuf'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'

const [vocabulary, width, block] = [10, 64, 32]
const indices = value('x', ['batch', 4], DataType.INT64)

/** An embedding table in blocks of 4 bits: onnxruntime-web has its operator for the GPU only. */
export function embeddingInBlocks(): Uint8Array {
  const blocks = width / block
  const codes = create(TensorProtoSchema, {
    name: 'w',
    dataType: DataType.UINT8,
    dims: [vocabulary, blocks, block / 2].map(BigInt),
    rawData: Uint8Array.from({ length: (vocabulary * width) / 2 }, (_, index) => (index * 37) % 256),
  })
  return encode(
    modelProto({
      nodes: [
        {
          op: 'GatherBlockQuantized',
          domain: 'com.microsoft',
          inputs: ['w', 'x', 's'],
          outputs: ['blocks'],
          attributes: { bits: 4, block_size: block, gather_axis: 0, quantize_axis: 2 },
        },
        { op: 'Flatten', inputs: ['blocks'], outputs: ['y'], attributes: { axis: 1 } },
      ],
      tensors: [codes, randomTensor('s', [vocabulary, blocks, 1], 1, 1)],
      inputs: [indices],
      outputs: [value('y', ['batch', 4 * width])],
    }),
  )
}

/** The same embedding in floats, with other numbers. */
export const embeddingInFloats = (): Uint8Array =>
  encode(
    modelProto({
      nodes: [
        { op: 'Gather', inputs: ['w', 'x'], outputs: ['rows'] },
        { op: 'Flatten', inputs: ['rows'], outputs: ['y'], attributes: { axis: 1 } },
      ],
      tensors: [randomTensor('w', [vocabulary, width], 1, 1)],
      inputs: [indices],
      outputs: [value('y', ['batch', 4 * width])],
    }),
  )

/** A model of an operator for classical models: onnxruntime-web has none of them. */
export const classicalModel = (): Uint8Array =>
  encode(
    modelProto({
      nodes: [{ op: 'Normalizer', domain: 'ai.onnx.ml', inputs: ['x'], outputs: ['y'] }],
      inputs: [value('x', ['batch', 3])],
      outputs: [value('y', ['batch', 3])],
    }),
  )
