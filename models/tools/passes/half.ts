import { create } from '@bufbuild/protobuf'
import { makeAttribute } from '../graph/attributes.ts'
import { withGraphMetadata } from '../graph/metadata.ts'
import { freshNames } from '../graph/names.ts'
import { changeNode, isStandard, makeNode, operatorOf } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { hasRule, infer } from '../infer/infer.ts'
import { openShapes } from '../infer/input-shapes.ts'
import { readsOf, subgraphsOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import { AttributeProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Model, Node } from '../onnx/model.ts'
import { protoOf, weightOf } from '../onnx/proto-tensor.ts'
import type { Weight } from '../onnx/weight.ts'
import { halfOf } from './half-weights.ts'

/**
 * The model computing in half floats, its inputs and outputs still float32. A value keeps its name as float32,
 * where anyone needs it so, and has another as half.
 * @param keeps whether a node is to stay in float32.
 */
export function toHalf(model: Model, keeps: (node: Node) => boolean): Model {
  const types = infer(model, openShapes(model, new Map()))
  const isFloat = (name: string) => name !== '' && types.get(name)?.type === DataType.FLOAT
  const fresh = freshNames(model)
  const nodes: Node[] = []
  /** The half of a value, and whether its float32 is there as well. */
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
    const unclear = node.input.some((name) => name !== '' && !types.get(name)?.type)
    if (unclear || isBlocked(node) || keeps(node)) {
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
    // Beside it: what comes out of one matrix is made once for all that are written one after the other.
    const made = halves.get(name)
    if (made !== undefined) weights.set(made, halfOf(weight, made))
  }
  // Declared types of values that are halves now would be wrong.
  return sweep({ ...model, nodes, weights, graphMetadata: withGraphMetadata(model, { valueInfo: [] }) })
}

/** What says float32 in a node says half. */
function halfAttributes(node: Node): Node['attribute'] {
  return node.attribute.map((attribute) => {
    const isTarget = attribute.name === 'to' && node.opType === 'Cast' && isStandard(node)
    if (isTarget && attribute.i === BigInt(DataType.FLOAT)) return makeAttribute('to', DataType.FLOAT16)
    if (attribute.t?.dataType !== DataType.FLOAT) return attribute
    const weight = weightOf(attribute.t, attribute.t.name, `An attribute of ${node.opType}`)
    return Object.assign(create(AttributeProtoSchema), attribute, { t: protoOf(halfOf(weight, weight.name)) })
  })
}

/** Operators whose definition has no half floats, or only in operator sets that few models use. */
const full = new Set(
  `Bernoulli CumSum DFT DequantizeLinear DynamicQuantizeLinear EyeLike GridSample IsInf IsNaN Multinomial
   NonMaxSuppression QuantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range STFT Upsample
   com.microsoft.DynamicQuantizeMatMul com.microsoft.MatMulIntegerToFloat`.split(/\s+/),
)

/** Whether a node must go on computing in float32. */
export function isBlocked(node: Node): boolean {
  const operator = operatorOf(node)
  if (full.has(operator) || subgraphsOf(node).length > 0) return true
  // What an operator without a rule gives is not known, so nothing after it could be converted.
  return !hasRule(operator) || (!isStandard(node) && node.domain !== 'com.microsoft')
}

/** Inputs that are float32 whatever the others are. */
export const isFullInput = (node: Node, index: number): boolean =>
  node.opType === 'Resize' && isStandard(node) && (index === 1 || index === 2)
