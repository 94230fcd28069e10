import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { ExternalLocation } from './external.ts'
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './generated/onnx_pb.ts'
import type { Model } from './model.ts'
import { type Weight, weightBytes } from './weight.ts'

const graphField = 7
const initializerField = 5
const rawDataField = 9

/**
 * A model's file piece by piece, so that one tensor at a time is in memory.
 * @param external The weights whose data goes to another file, and their places there.
 */
export function* modelChunks(
  model: Model,
  external: ReadonlyMap<string, ExternalLocation> = new Map(),
): Generator<Uint8Array> {
  const { structure, heads, length } = layOut(model, external)
  yield toBinary(ModelProtoSchema, model.header)
  yield tag(graphField, length)
  yield structure
  for (const [weight, head] of heads) {
    yield head
    if (!external.has(weight.name)) yield checked(weight)
  }
}

/** Size of the file that `modelChunks` yields. */
export function modelSize(model: Model): number {
  const { length } = layOut(model, new Map())
  return toBinary(ModelProtoSchema, model.header).length + tag(graphField, length).length + length
}

function layOut(model: Model, external: ReadonlyMap<string, ExternalLocation>) {
  const { nodes, inputs, outputs, graphMetadata, weights } = model
  const graph = create(GraphProtoSchema)
  Object.assign(graph, graphMetadata, { node: [...nodes], input: [...inputs], output: [...outputs] })
  const structure = toBinary(GraphProtoSchema, graph)
  const heads = [...weights.values()].map(
    (weight) => [weight, headOf(weight, external.get(weight.name))] as const,
  )
  let length = structure.length
  for (const [weight, head] of heads)
    length += head.length + (external.has(weight.name) ? 0 : weightBytes(weight))
  return { structure, heads, length }
}

/** A tensor's field up to its elements, which come last. */
function headOf(weight: Weight, location: ExternalLocation | undefined): Uint8Array {
  const message = toBinary(TensorProtoSchema, headerOf(weight, location))
  const size = location ? 0 : weightBytes(weight)
  const data = location ? new Uint8Array(0) : tag(rawDataField, size)
  return Buffer.concat([tag(initializerField, message.length + data.length + size), message, data])
}

function headerOf({ name, type, dims }: Weight, location: ExternalLocation | undefined): TensorProto {
  const header = create(TensorProtoSchema, { name, dataType: type, dims: dims.map(BigInt) })
  if (location === undefined) return header
  header.dataLocation = TensorProto_DataLocation.EXTERNAL
  header.externalData = Object.entries(location).map(([key, value]) => ({
    $typeName: 'onnx.StringStringEntryProto',
    key,
    value: String(value),
  }))
  return header
}

const tag = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()

/** A weight's bytes. A wrong length would shift everything that follows. */
export function checked(weight: Weight): Uint8Array {
  const bytes = weight.bytes()
  if (bytes.length === weightBytes(weight)) return bytes
  throw new RangeError(`"${weight.name}" has ${bytes.length} bytes in place of ${weightBytes(weight)}`)
}
