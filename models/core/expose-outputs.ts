import { encodeUtf8 } from './utf8.ts'

/** Field numbers in ONNX's protobuf: `ModelProto.graph`, `GraphProto.output`, `ValueInfoProto.name`. */
const graphField = 7
const outputField = 12
const nameField = 1

/**
 * An ONNX model with more of its values as outputs. Protobuf joins a message that comes twice, so the rest of the model
 * need not be read; the runtime infers the types.
 */
export function exposeOutputs(model: Uint8Array, names: readonly string[]): Uint8Array<ArrayBuffer> {
  const outputs = names.flatMap((name) => message(outputField, message(nameField, [...encodeUtf8(name)])))
  const more = message(graphField, outputs)
  const exposed = new Uint8Array(model.length + more.length)
  exposed.set(model)
  exposed.set(more, model.length)
  return exposed
}

/** A field of a length and so many bytes. */
const message = (field: number, bytes: readonly number[]): number[] => [
  (field << 3) | 2,
  ...varint(bytes.length),
  ...bytes,
]

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  return [...bytes, rest]
}
