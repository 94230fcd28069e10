import { create } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
} from '../onnx/generated/onnx_pb.ts'
import type { Node } from '../onnx/model.ts'
import { protoOf } from '../onnx/proto-tensor.ts'
import type { Weight } from '../onnx/weight.ts'
import { makeNode } from './node.ts'

/** A small tensor where there are no weights: inside a function. */
export function constantNode(weight: Weight): Node {
  const node = makeNode({ op: 'Constant', inputs: [], outputs: [weight.name] })
  node.attribute.push(
    create(AttributeProtoSchema, { name: 'value', type: AttributeType.TENSOR, t: protoOf(weight) }),
  )
  return node
}
