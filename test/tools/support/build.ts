import { create, toBinary } from '@bufbuild/protobuf'
import { makeNode, type NodeParts } from '../../../models/tools/graph/node.ts'
import { makeValue } from '../../../models/tools/graph/values.ts'
import { DataType } from '../../../models/tools/onnx/data-type.ts'
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  type ValueInfoProto,
} from '../../../models/tools/onnx/generated/onnx_pb.ts'
import { parseModel } from '../../../models/tools/onnx/read.ts'

/** A value's type, for a graph's inputs and outputs: a string is a dimension that varies. */
export const value = (
  name: string,
  shape: readonly (number | string)[],
  elemType: DataType = DataType.FLOAT,
): ValueInfoProto => makeValue(name, elemType, shape)

export interface Parts {
  readonly nodes: readonly NodeParts[]
  readonly inputs: readonly ValueInfoProto[]
  readonly outputs: readonly ValueInfoProto[]
  readonly tensors?: readonly TensorProto[]
  readonly opset?: number
}

/** A model as a message, for tests to build what they need and to break it. */
export const modelProto = ({ nodes, inputs, outputs, tensors = [], opset = 17 }: Parts): ModelProto =>
  create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      create(OperatorSetIdProtoSchema, { version: BigInt(opset) }),
      create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n }),
      create(OperatorSetIdProtoSchema, { domain: 'ai.onnx.ml', version: 3n }),
    ],
    graph: create(GraphProtoSchema, {
      name: 'test',
      node: nodes.map(makeNode),
      input: [...inputs],
      output: [...outputs],
      initializer: [...tensors],
    }),
  })

export const encode = (model: ModelProto): Uint8Array => toBinary(ModelProtoSchema, model)

export const build = (parts: Parts) => parseModel(encode(modelProto(parts)))
