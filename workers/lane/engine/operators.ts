import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

/** Where ONNX has them: a model's graph, its nodes, what a node does. */
const graphField = 7
const nodeField = 1
const operatorField = 4

/**
 * Whether a node of the main graph has this operator. Weights are stepped over by their length, so it costs what the
 * nodes do, however large the file is. A file that is no model has none: the runtime will say what it is.
 */
export function hasOperator(model: Uint8Array, operator: string): boolean {
  const wanted = new TextEncoder().encode(operator)
  const is = (bytes: Uint8Array) =>
    bytes.length === wanted.length && bytes.every((byte, at) => byte === wanted[at])
  try {
    return some(model, graphField, (graph) => some(graph, nodeField, (node) => some(node, operatorField, is)))
  } catch {
    return false
  }
}

/** @throws RangeError where the message breaks off. */
function some(message: Uint8Array, field: number, holds: (value: Uint8Array) => boolean): boolean {
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number !== field || type !== WireType.LengthDelimited) reader.skip(type, number)
    else if (holds(reader.bytes())) return true
  }
  return false
}
