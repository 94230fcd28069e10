import { malformed } from '../errors.ts'
import { capturesOf, ownNames, subgraphsOf } from './data-flow.ts'
import { bitsOf, DataType } from './data-type.ts'
import type { GraphProto, TensorProto, ValueInfoProto } from './generated/onnx_pb.ts'
import type { Model, Node } from './model.ts'
import { weightOf } from './proto-tensor.ts'
import { checkTensor } from './read-weight.ts'
import { showNode, sortNodes } from './sort-nodes.ts'

/** A value of this many floats takes the 4 GiB of WebAssembly's memory. */
const maxElements = 1e9

/**
 * Checks a model's graph and sorts its nodes: each value is written once, before it is read, and has a possible type.
 * @throws SpillwayError `model_invalid`.
 */
export function checkModel(model: Model): Model {
  const { header, inputs, outputs, weights, graphMetadata } = model
  if (header.irVersion <= 0n) throw malformed('The file is not an ONNX model: it has no IR version')
  if (header.opsetImport.length === 0) throw malformed('The model imports no operator set')
  for (const value of [...inputs, ...outputs, ...graphMetadata.valueInfo]) checkValue(value)
  const names = inputs.map(({ name }) => name)
  if (new Set(names).size !== names.length) throw malformed('Two inputs have the same name')
  const given = [...names, ...weights.keys(), ...ownNames(graphMetadata)]
  const nodes = sortNodes(model.nodes, given)
  for (const node of nodes) checkNode(node)
  for (const node of header.functions.flatMap((one) => one.node)) checkNode(node)
  checkSparse(graphMetadata)
  const written = new Set([...given, ...nodes.flatMap(({ output }) => output)])
  const missing = outputs.find(({ name }) => !written.has(name))
  if (missing !== undefined) throw malformed(`No node writes the output "${missing.name}"`)
  if (outputs.length === 0) throw malformed('The model has no output')
  return { ...model, nodes }
}

function checkValue({ name, type }: ValueInfoProto): void {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined
  const sizes = (tensor?.shape?.dim ?? []).map(({ value }) =>
    // Some exporters write -1 for a size that varies.
    value.case === 'dimValue' && value.value !== -1n ? value.value : 1n,
  )
  const shown = `[${(tensor?.shape?.dim ?? []).map(({ value }) => value.value ?? '?').join(', ')}]`
  if (sizes.some((size) => size < 0n)) {
    throw malformed(`"${name}" has a negative dimension`, {
      got: shown,
      hint: 'A dimension that varies has a name in its place.',
    })
  }
  if (sizes.reduce((product, size) => product * Number(size), 1) >= maxElements) {
    throw malformed(`"${name}" has an impossible shape`, {
      expected: `fewer than ${maxElements} elements`,
      got: shown,
    })
  }
  const element = tensor?.elemType ?? DataType.FLOAT
  if (element !== DataType.STRING && bitsOf(element) === undefined) {
    throw malformed(`"${name}" has an unknown element type`, { got: `${element}` })
  }
}

function checkNode(node: Node): void {
  for (const { name, t, tensors } of node.attribute) {
    for (const tensor of t === undefined ? tensors : [t, ...tensors])
      checkInner(tensor, `"${name}" of ${showNode(node)}`)
  }
  for (const graph of subgraphsOf(node)) checkSubgraph(graph)
}

function checkSubgraph(graph: GraphProto): void {
  for (const value of [...graph.input, ...graph.output, ...graph.valueInfo]) checkValue(value)
  for (const tensor of graph.initializer) checkInner(tensor, `Tensor "${tensor.name}"`)
  checkSparse(graph)
  for (const node of sortNodes(graph.node, [...ownNames(graph), ...capturesOf(graph)])) checkNode(node)
}

function checkInner(tensor: TensorProto, what: string): void {
  weightOf(tensor, tensor.name, what)
}

function checkSparse({ sparseInitializer }: GraphProto): void {
  for (const { values, indices } of sparseInitializer) {
    for (const tensor of [values, indices]) if (tensor) checkTensor(tensor, `Sparse tensor "${tensor.name}"`)
  }
}
