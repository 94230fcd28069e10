import { create } from '@bufbuild/protobuf'
import { makeAttribute } from '../graph/attributes.ts'
import { withNotes } from '../graph/metadata.ts'
import { freshNames } from '../graph/names.ts'
import { changeNode, isStandard, makeNode } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { infer } from '../infer/infer.ts'
import { openShapes } from '../inspect/open-shapes.ts'
import { DataType } from '../onnx/data-type.ts'
import { AttributeProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Model, Node } from '../onnx/model.ts'
import { protoOf, weightOf } from '../onnx/proto-tensor.ts'
import { readsOf } from '../onnx/subgraphs.ts'
import type { Weight } from '../onnx/weight.ts'
import { isBlocked, isFullInput } from './half-blocked.ts'
import { halfOf } from './half-weight.ts'

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
  return sweep({ ...model, nodes, weights, metadata: withNotes(model, { valueInfo: [] }) })
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
