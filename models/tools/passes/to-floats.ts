import { create } from '@bufbuild/protobuf'
import { intOf, makeAttribute } from '../graph/attributes.ts'
import { withGraphMetadata } from '../graph/metadata.ts'
import { freshNames } from '../graph/names.ts'
import { changeNode, isStandard, makeNode } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { declaredOf } from '../graph/values.ts'
import { subgraphsOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import { AttributeProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Model, Node, Value } from '../onnx/model.ts'
import { protoOf, weightOf } from '../onnx/proto-tensor.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'

/**
 * The model computing in float32 what it computes in half precision, with the same inputs and outputs: the form that
 * passes quantize. The same model where it has no halves, or where nodes have graphs of their own.
 */
export function toFloats(model: Model): Model {
  const hasHalves = [...model.weights.values()].some(({ type }) => type === DataType.FLOAT16)
  const isNested =
    model.header.functions.length > 0 || model.nodes.some((node) => subgraphsOf(node).length > 0)
  if (!hasHalves || isNested) return model
  const fresh = freshNames(model)
  /** New names of inputs and outputs that stay halves, for their floats. */
  const floats = new Map(
    [...model.inputs, ...model.outputs].filter(isHalf).map(({ name }) => [name, fresh(`${name}_float`)]),
  )
  const named = (name: string) => floats.get(name) ?? name
  const weights = new Map([...model.weights].map(([name, weight]) => [name, floatOf(weight)] as const))
  const nodes: Node[] = model.inputs.filter(isHalf).map(({ name }) => cast(name, named(name), DataType.FLOAT))
  for (const node of model.nodes) {
    const [output = ''] = node.output
    const weight = weights.get(node.input[0] ?? '')
    // A stored half that is widened for the computation.
    if (isCastTo(node, DataType.FLOAT) && weight?.type === DataType.FLOAT && !isOutput(model, output)) {
      weights.set(output, { ...weight, name: output })
      continue
    }
    const [input, outputs] = [node.input.map(named), node.output.map(named)]
    nodes.push(changeNode(node, { input, output: outputs, attribute: floatAttributes(node) }))
  }
  nodes.push(...model.outputs.filter(isHalf).map(({ name }) => cast(named(name), name, DataType.FLOAT16)))
  // Declared types of values that became floats would be wrong.
  return sweep({ ...model, nodes, weights, graphMetadata: withGraphMetadata(model, { valueInfo: [] }) })
}

const isHalf = (value: Value) => declaredOf(value).type === DataType.FLOAT16
const isOutput = ({ outputs }: Model, name: string) => outputs.some((output) => output.name === name)
const isCastTo = (node: Node, type: DataType) =>
  node.opType === 'Cast' && isStandard(node) && intOf(node, 'to', 0) === type

const cast = (input: string, output: string, to: DataType) =>
  makeNode({ op: 'Cast', inputs: [input], outputs: [output], attributes: { to } })

const floatOf = (weight: Weight): Weight =>
  weight.type === DataType.FLOAT16
    ? weightFrom(weight.name, DataType.FLOAT, weight.dims, () => floatsOf(weight))
    : weight

/** The node's attributes with half precision changed to float32. */
const floatAttributes = (node: Node): Node['attribute'] =>
  node.attribute.map((attribute) => {
    if (attribute.name === 'to' && isCastTo(node, DataType.FLOAT16))
      return makeAttribute('to', DataType.FLOAT)
    if (attribute.t?.dataType !== DataType.FLOAT16) return attribute
    const weight = weightOf(attribute.t, attribute.t.name, `An attribute of ${node.opType}`)
    return Object.assign(create(AttributeProtoSchema), attribute, { t: protoOf(floatOf(weight)) })
  })
