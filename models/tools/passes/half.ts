import { create } from '@bufbuild/protobuf'
import { makeAttribute } from '../graph/attributes.ts'
import { withGraphMetadata } from '../graph/metadata.ts'
import { freshNames } from '../graph/names.ts'
import { changeNode, isStandard, makeNode, operatorOf } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { readsOf, subgraphsOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import { AttributeProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Model, Node } from '../onnx/model.ts'
import { protoOf, weightOf } from '../onnx/proto-tensor.ts'
import type { Weight } from '../onnx/weight.ts'
import { hasRule, infer } from '../shape-inference/infer-shapes.ts'
import { openShapes } from '../shape-inference/input-shapes.ts'
import { halfOf } from './half-weights.ts'

/**
 * The model computing in half precision, with inputs and outputs in float32. A value keeps its name for its float32
 * form, where one is needed, and gets another for its half.
 * @param keeps Whether a node stays in float32.
 */
export function toHalf(model: Model, keeps: (node: Node) => boolean): Model {
  const types = infer(model, openShapes(model, new Map()))
  const isFloat = (name: string) => name !== '' && types.get(name)?.type === DataType.FLOAT
  const fresh = freshNames(model)
  const nodes: Node[] = []
  /** The name of each value's half. */
  const halves = new Map<string, string>()
  const fulls = new Set([...model.inputs.map(({ name }) => name), ...model.weights.keys()])

  const cast = (input: string, output: string, to: DataType) =>
    nodes.push(makeNode({ op: 'Cast', inputs: [input], outputs: [output], attributes: { to } }))

  const half = (name: string): string => {
    const known = halves.get(name)
    if (known !== undefined) return known
    const made = fresh(`${name}_half`)
    halves.set(name, made)
    if (!model.weights.has(name)) cast(name, made, DataType.FLOAT16)
    return made
  }

  const fullOf = (name: string): string => {
    const known = halves.get(name)
    if (!fulls.has(name) && known !== undefined) {
      cast(known, name, DataType.FLOAT)
      fulls.add(name)
    }
    return name
  }

  for (const node of model.nodes) {
    const hasUnknownType = node.input.some((name) => name !== '' && !types.get(name)?.type)
    if (hasUnknownType || isBlocked(node) || keeps(node)) {
      for (const name of new Set(readsOf(node))) fullOf(name)
      nodes.push(node)
      for (const name of node.output) fulls.add(name)
      continue
    }
    const input = node.input.map((name, index) =>
      isFloat(name) ? (isFullInput(node, index) ? fullOf(name) : half(name)) : name,
    )
    const output = node.output.map((name) => {
      if (!isFloat(name)) return name
      const made = fresh(`${name}_half`)
      halves.set(name, made)
      return made
    })
    nodes.push(changeNode(node, { input, output, attribute: halfAttributes(node) }))
  }
  for (const { name } of model.outputs) fullOf(name)
  const weights = new Map<string, Weight>()
  for (const [name, weight] of model.weights) {
    weights.set(name, weight)
    // A half follows its weight, because tensors from one computation are written in sequence.
    const made = halves.get(name)
    if (made !== undefined) weights.set(made, halfOf(weight, made))
  }
  // Declared types of values that became halves would be wrong.
  return sweep({ ...model, nodes, weights, graphMetadata: withGraphMetadata(model, { valueInfo: [] }) })
}

/** The node's attributes with float32 changed to half precision. */
function halfAttributes(node: Node): Node['attribute'] {
  return node.attribute.map((attribute) => {
    const isTarget = attribute.name === 'to' && node.opType === 'Cast' && isStandard(node)
    if (isTarget && attribute.i === BigInt(DataType.FLOAT)) return makeAttribute('to', DataType.FLOAT16)
    if (attribute.t?.dataType !== DataType.FLOAT) return attribute
    const weight = weightOf(attribute.t, attribute.t.name, `An attribute of ${node.opType}`)
    return Object.assign(create(AttributeProtoSchema), attribute, { t: protoOf(halfOf(weight, weight.name)) })
  })
}

/** Operators without half precision, or with it only in rarely used operator sets. */
const full = new Set(
  `Bernoulli CumSum DFT DequantizeLinear DynamicQuantizeLinear EyeLike GridSample IsInf IsNaN Multinomial
   NonMaxSuppression QuantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range STFT Upsample
   com.microsoft.DynamicQuantizeMatMul com.microsoft.MatMulIntegerToFloat`.split(/\s+/),
)

/** Whether a node has to compute in float32. */
export function isBlocked(node: Node): boolean {
  const operator = operatorOf(node)
  if (full.has(operator) || subgraphsOf(node).length > 0) return true
  // Without a rule the output types are unknown, so nothing after the node could be converted.
  return !hasRule(operator) || (!isStandard(node) && node.domain !== 'com.microsoft')
}

/** Inputs that are float32 in any case. */
export const isFullInput = (node: Node, index: number): boolean =>
  node.opType === 'Resize' && isStandard(node) && (index === 1 || index === 2)
