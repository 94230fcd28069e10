import { TensorProto_DataType as DataType } from './generated/onnx_pb.ts'

export { DataType }

/** Name and bits per element of the types of fixed size; strings have none. */
const known = new Map<number, readonly [name: string, bits: number]>([
  [DataType.FLOAT, ['float32', 32]],
  [DataType.DOUBLE, ['float64', 64]],
  [DataType.FLOAT16, ['float16', 16]],
  [DataType.BFLOAT16, ['bfloat16', 16]],
  [DataType.INT8, ['int8', 8]],
  [DataType.UINT8, ['uint8', 8]],
  [DataType.INT16, ['int16', 16]],
  [DataType.UINT16, ['uint16', 16]],
  [DataType.INT32, ['int32', 32]],
  [DataType.UINT32, ['uint32', 32]],
  [DataType.INT64, ['int64', 64]],
  [DataType.UINT64, ['uint64', 64]],
  [DataType.BOOL, ['bool', 8]],
  [DataType.COMPLEX64, ['complex64', 64]],
  [DataType.COMPLEX128, ['complex128', 128]],
  [DataType.FLOAT8E4M3FN, ['float8e4m3fn', 8]],
  [DataType.FLOAT8E4M3FNUZ, ['float8e4m3fnuz', 8]],
  [DataType.FLOAT8E5M2, ['float8e5m2', 8]],
  [DataType.FLOAT8E5M2FNUZ, ['float8e5m2fnuz', 8]],
  [DataType.FLOAT8E8M0, ['float8e8m0', 8]],
  [DataType.UINT4, ['uint4', 4]],
  [DataType.INT4, ['int4', 4]],
  [DataType.FLOAT4E2M1, ['float4e2m1', 4]],
  [DataType.UINT2, ['uint2', 2]],
  [DataType.INT2, ['int2', 2]],
])

/** Bits per element; undefined where the type has no fixed size. */
export const bitsOf = (type: number): number | undefined => known.get(type)?.[1]

export function nameOf(type: number): string {
  if (type === DataType.STRING) return 'string'
  return known.get(type)?.[0] ?? `type ${type}`
}

/** The type of a name of `nameOf`; `UNDEFINED` for others. */
export function typeNamed(name: string): DataType {
  if (name === 'string') return DataType.STRING
  return [...known].find(([, [known]]) => known === name)?.[0] ?? DataType.UNDEFINED
}

/** Bytes of `count` elements. Types below a byte are packed, and the last byte is padded. */
export const bytesOf = (type: number, count: number): number => Math.ceil((count * (bitsOf(type) ?? 0)) / 8)
