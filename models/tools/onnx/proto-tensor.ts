import { create } from '@bufbuild/protobuf'
import { malformed } from '../errors.ts'
import { DataType } from './data-type.ts'
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from './generated/onnx_pb.ts'
import { checkCount, checkTensor } from './read-weight.ts'
import type { StoredData } from './tensor-data.ts'
import { viewBytes, type Weight } from './weight.ts'

/**
 * The weight of a tensor inside a node: a constant, or a weight of a subgraph. Such tensors are small and have no
 * external data.
 */
export function weightOf(proto: TensorProto, name: string, what: string): Weight {
  const { dims, type } = checkTensor(proto, what)
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    throw malformed(`${what} has its data in another file`, { expected: 'its data beside its shape' })
  }
  const stored = storedIn(proto)
  if (type !== DataType.STRING) checkCount(what, type, dims, stored)
  return { name, type, dims, bytes: () => elements(proto, type) }
}

function storedIn(proto: TensorProto): StoredData | undefined {
  const found: StoredData[] = [
    { field: 9, name: 'raw_data', count: proto.rawData.length },
    { field: 4, name: 'float_data', count: proto.floatData.length },
    { field: 5, name: 'int32_data', count: proto.int32Data.length },
    { field: 7, name: 'int64_data', count: proto.int64Data.length },
    { field: 10, name: 'double_data', count: proto.doubleData.length },
    { field: 11, name: 'uint64_data', count: proto.uint64Data.length },
  ].filter(({ count }) => count > 0)
  if (found.length > 1) throw malformed('A tensor has its elements twice')
  return found[0]
}

function elements(proto: TensorProto, type: DataType): Uint8Array {
  if (proto.rawData.length > 0) return proto.rawData
  if (proto.floatData.length > 0) return viewBytes(Float32Array.from(proto.floatData))
  if (proto.doubleData.length > 0) return viewBytes(Float64Array.from(proto.doubleData))
  if (proto.int64Data.length > 0) return viewBytes(BigInt64Array.from(proto.int64Data))
  if (proto.uint64Data.length > 0) {
    return type === DataType.UINT32
      ? viewBytes(Uint32Array.from(proto.uint64Data, Number))
      : viewBytes(BigUint64Array.from(proto.uint64Data))
  }
  switch (type) {
    case DataType.INT32:
      return viewBytes(Int32Array.from(proto.int32Data))
    case DataType.INT16:
    case DataType.UINT16:
    case DataType.FLOAT16:
    case DataType.BFLOAT16:
      return viewBytes(Uint16Array.from(proto.int32Data))
    default:
      return Uint8Array.from(proto.int32Data)
  }
}

/** The message of a weight, for nodes and subgraphs. */
export const protoOf = ({ name, type, dims, bytes }: Weight): TensorProto =>
  create(TensorProtoSchema, { name, dataType: type, dims: dims.map(BigInt), rawData: bytes() })
