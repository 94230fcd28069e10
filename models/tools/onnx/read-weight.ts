import { elementCount } from '../../core/tensor.ts'
import { malformed } from '../errors.ts'
import { bitsOf, bytesOf, DataType, nameOf } from './data-type.ts'
import { type Budget, decode } from './decode.ts'
import { locateExternal, readExternal } from './external.ts'
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from './generated/onnx_pb.ts'
import { readElements } from './tensor-bytes.ts'
import { findData, rawData, type StoredData } from './tensor-data.ts'
import { checkDims, type Weight } from './weight.ts'

/** A tensor of a model's graph; tensors of strings stay messages. */
export type Stored = { readonly weight: Weight } | { readonly strings: TensorProto }

/**
 * Reads a tensor's header and locates its data, which is counted but not read.
 *
 * @throws SpillwayError `model_invalid` where shape, type and data do not match; else as `locateExternal`.
 */
export function readWeight(bytes: Uint8Array, folder: string | undefined, budget: Budget): Stored {
  const { data, rest } = findData(bytes, budget)
  const proto = decode(TensorProtoSchema, rest, budget)
  const what = `Tensor "${proto.name.slice(0, 200)}"`
  const { dims, type } = checkTensor(proto, what)
  if (type === DataType.STRING) return { strings: proto }
  const size = bytesOf(type, elementCount(dims))
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    if (data !== undefined && data.count > 0)
      throw malformed(`${what} has its data both here and in another file`)
    const external = locateExternal(folder, proto.externalData, size, what)
    return {
      weight: { name: proto.name, type, dims, file: external.path, bytes: () => readExternal(external) },
    }
  }
  checkCount(what, type, dims, data)
  const elementBytes = (bitsOf(type) ?? 8) <= 8 ? 1 : (bitsOf(type) ?? 8) / 8
  const read = () => (data === undefined ? new Uint8Array(0) : readElements(bytes, data, elementBytes))
  return { weight: { name: proto.name, type, dims, bytes: read } }
}

/** Checks and returns type and shape of a tensor. */
export function checkTensor(proto: TensorProto, what: string): { dims: number[]; type: DataType } {
  const dims = checkDims(proto.dims, what)
  const type: DataType = proto.dataType
  if (proto.segment !== undefined)
    throw malformed(`${what} is one segment of a tensor, which is not supported`)
  if (type !== DataType.STRING && bitsOf(type) === undefined) {
    throw malformed(`${what} has an unknown element type`, { got: `${type}` })
  }
  if (type === DataType.STRING && proto.stringData.length !== elementCount(dims)) {
    throw malformed(`${what} does not match its shape [${dims.join(', ')}]`, {
      expected: `${elementCount(dims)} strings`,
      got: `${proto.stringData.length}`,
    })
  }
  return { dims, type }
}

/** The field for a type's elements, and the number of stored elements per element. */
function fieldOf(type: DataType): readonly [field: number, each: number] {
  switch (type) {
    case DataType.FLOAT:
      return [4, 1]
    case DataType.COMPLEX64:
      return [4, 2]
    case DataType.DOUBLE:
      return [10, 1]
    case DataType.COMPLEX128:
      return [10, 2]
    case DataType.INT64:
      return [7, 1]
    case DataType.UINT32:
    case DataType.UINT64:
      return [11, 1]
    default:
      return [5, 1]
  }
}

export function checkCount(
  what: string,
  type: DataType,
  dims: readonly number[],
  data: StoredData | undefined,
): void {
  const count = elementCount(dims)
  if (data === undefined && count === 0) return
  const [field, each] = fieldOf(type)
  const raw = data?.field === rawData
  const bits = bitsOf(type) ?? 8
  const stored = raw ? bytesOf(type, count) : bits < 8 ? bytesOf(type, count) : count * each
  const fits = data !== undefined && data.count === stored && (raw || data.field === field || count === 0)
  if (fits) return
  const unit = raw ? 'bytes' : 'elements'
  throw malformed(`${what} does not match its data`, {
    expected: `${stored} ${unit} for ${nameOf(type)} [${dims.join(', ')}]`,
    got: data === undefined ? 'none' : `${data.count} in ${data.name}`,
  })
}
