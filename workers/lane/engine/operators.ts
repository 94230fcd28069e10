import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

/** Field numbers in ONNX's protobuf: `ModelProto.graph`, `GraphProto.node`, `NodeProto.op_type`. */
const graphField = 7
const nodeField = 1
const operatorField = 4

/**
 * Whether a node of the main graph has this operator. Weights are skipped by their length, so the cost depends on the
 * number of nodes, not on the file's size. Returns false for a file that is no model: the runtime reports that.
 */
export function hasOperator(model: Uint8Array, operator: string): boolean {
  const wanted = new TextEncoder().encode(operator)
  const isWanted = (bytes: Uint8Array) =>
    bytes.length === wanted.length && bytes.every((byte, index) => byte === wanted[index])
  try {
    return some(model, graphField, (graph) =>
      some(graph, nodeField, (node) => some(node, operatorField, isWanted)),
    )
  } catch {
    return false
  }
}

/** Whether `holds` is true of a field of the message. @throws RangeError where the message is cut off. */
function some(message: Uint8Array, field: number, holds: (value: Uint8Array) => boolean): boolean {
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number !== field || type !== WireType.LengthDelimited) reader.skip(type, number)
    else if (holds(reader.bytes())) return true
  }
  return false
}
