import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

/** Field numbers in ONNX's protobuf. */
const field = {
  model: { graph: 7, functions: 25 },
  graph: { node: 1 },
  function: { node: 7 },
  node: { opType: 4, attribute: 5 },
  attribute: { graph: 6, graphs: 11 },
} as const

type Holds = (message: Uint8Array) => boolean

/**
 * Whether a node of the main graph has this operator. Weights are skipped by their length, so the cost depends on the
 * number of nodes, not on the file's size. Returns false for a file that is no model: the runtime reports that.
 */
export function hasOperator(model: Uint8Array, operator: string): boolean {
  const isOperator = isText(operator)
  const inNode: Holds = (node) => some(node, field.node.opType, isOperator)
  return unlessCutOff(() => some(model, field.model.graph, (graph) => some(graph, field.graph.node, inNode)))
}

/** The same for all nodes, those of the model's functions and of subgraphs included. */
export function usesOperator(model: Uint8Array, operator: string): boolean {
  const isOperator = isText(operator)
  const inNode: Holds = (node) =>
    some(node, field.node.opType, isOperator) || some(node, field.node.attribute, inAttribute)
  const inGraph: Holds = (graph) => some(graph, field.graph.node, inNode)
  const inAttribute: Holds = (attribute) =>
    some(attribute, field.attribute.graph, inGraph) || some(attribute, field.attribute.graphs, inGraph)
  const inFunction: Holds = (one) => some(one, field.function.node, inNode)
  return unlessCutOff(
    () => some(model, field.model.graph, inGraph) || some(model, field.model.functions, inFunction),
  )
}

/** False where a message is cut off. */
function unlessCutOff(holds: () => boolean): boolean {
  try {
    return holds()
  } catch {
    return false
  }
}

function isText(text: string): Holds {
  const expected = new TextEncoder().encode(text)
  return (bytes) => bytes.length === expected.length && bytes.every((byte, index) => byte === expected[index])
}

/** Whether `holds` is true of a field of the message. @throws RangeError where the message is cut off. */
function some(message: Uint8Array, fieldNumber: number, holds: Holds): boolean {
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number !== fieldNumber || type !== WireType.LengthDelimited) reader.skip(type, number)
    else if (holds(reader.bytes())) return true
  }
  return false
}
