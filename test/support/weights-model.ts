import { create } from '@bufbuild/protobuf'
import type { BrowserCommand } from 'vitest/node'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../models/tools/onnx/generated/onnx_pb.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

declare module 'vitest/browser' {
  interface BrowserCommands {
    /**
     * The bytes of a graph whose weights are so many bytes in the external file `weights`. A run takes the same number
     * of bytes for each row. Its input x and output y are [batch, 1].
     */
    weightsModel: (bytes: number) => Promise<number[]>
  }
}

export const weightsModel: BrowserCommand<[bytes: number]> = (_context, bytes) => {
  const entries = { location: 'weights', offset: '0', length: String(bytes) }
  const weights = create(TensorProtoSchema, {
    name: 'w',
    dataType: DataType.FLOAT,
    dims: [1n, BigInt(bytes / 4)],
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, text]) =>
      create(StringStringEntryProtoSchema, { key, value: text }),
    ),
  })
  const model = modelProto({
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['wide'] },
      { op: 'ReduceMean', inputs: ['wide'], outputs: ['y'], attributes: { axes: [1] } },
    ],
    inputs: [value('x', ['batch', 1])],
    outputs: [value('y', ['batch', 1])],
    tensors: [weights],
    opset: 13,
  })
  return [...encode(model)]
}
