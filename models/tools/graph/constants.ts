import { create } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
} from '../onnx/generated/onnx_pb.ts'
import type { Model, Node } from '../onnx/model.ts'
import { protoOf, weightOf } from '../onnx/proto-tensor.ts'
import { floatWeight, int64Weight, type Weight } from '../onnx/weight.ts'
import { floatOf, hasAttribute, intOf, intsOf, tensorOf } from './attributes.ts'
import { isStandard, makeNode } from './node.ts'

/** The model with its Constant nodes turned into weights, so that passes find constants in one place. */
export function constantsToWeights(model: Model): Model {
  const weights = new Map(model.weights)
  const nodes = model.nodes.filter((node) => {
    const weight = constantOf(node)
    if (weight === undefined) return true
    weights.set(weight.name, weight)
    return false
  })
  return nodes.length === model.nodes.length ? model : { ...model, nodes, weights }
}

/** The weight of a Constant of numbers; Constants of strings and sparse tensors stay nodes. */
function constantOf(node: Node): Weight | undefined {
  const name = node.output[0]
  if (node.opType !== 'Constant' || !isStandard(node) || name === undefined) return undefined
  const tensor = tensorOf(node, 'value')
  if (tensor !== undefined && tensor.stringData.length === 0)
    return weightOf(tensor, name, `Constant "${name}"`)
  if (hasAttribute(node, 'value_int')) return int64Weight(name, [intOf(node, 'value_int', 0)], [])
  if (hasAttribute(node, 'value_ints')) return int64Weight(name, intsOf(node, 'value_ints') ?? [])
  if (hasAttribute(node, 'value_float')) return floatWeight(name, [floatOf(node, 'value_float', 0)], [])
  const floats = node.attribute.find((one) => one.name === 'value_floats')?.floats
  return floats === undefined ? undefined : floatWeight(name, floats)
}

/** A small tensor as a Constant node, for functions, which have no weights. */
export function constantNode(weight: Weight): Node {
  const node = makeNode({ op: 'Constant', inputs: [], outputs: [weight.name] })
  node.attribute.push(
    create(AttributeProtoSchema, { name: 'value', type: AttributeType.TENSOR, t: protoOf(weight) }),
  )
  return node
}
