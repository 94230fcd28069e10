export const tensorTypes = [
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'string',
] as const

/**
 * Element types, named as ONNX Runtime names them.
 *
 * @useDeclaredType
 */
export type TensorType = (typeof tensorTypes)[number]

/** Types whose elements are numbers. */
export type NumericType = Exclude<TensorType, 'string'>

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  // Bits of IEEE 754 half precision: only newer engines have Float16Array.
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<NumericType, unknown>

/** Numbers. `float16` is in a Uint16Array of raw bits, `bool` in a Uint8Array. */
export type NumericData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** The elements of a tensor: numbers, or the strings of type `string`. */
export type TensorData = NumericData | readonly string[]

/** A tensor in row-major order. `data.length` is the product of `shape`. */
export interface Tensor {
  readonly type: TensorType
  readonly data: TensorData
  readonly shape: readonly number[]
}

/** The typed array that holds elements of `type`. */
export const arrayOf = (type: NumericType) => arrays[type]

/** Zeros, or empty strings. */
export const createData = (type: TensorType, length: number): TensorData =>
  type === 'string' ? new Array<string>(length).fill('') : new arrays[type](length)

export const isStrings = (data: TensorData): data is readonly string[] => Array.isArray(data)

/** Bytes of elements as queues and messages count them: a string has four bytes besides its characters. */
export const dataBytes = (data: TensorData): number =>
  isStrings(data) ? data.reduce((bytes, { length }) => bytes + 4 + length, 0) : data.byteLength

/** Number of elements: the product of the sizes. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

/** Bytes of a tensor's elements. */
export const byteLength = (type: NumericType, shape: readonly number[]): number =>
  elementCount(shape) * arrays[type].BYTES_PER_ELEMENT

/** A shape for messages: `[-1, 1, 28, 28]`. */
export const showShape = (shape: readonly number[] | null): string =>
  shape === null ? 'any shape' : `[${shape.join(', ')}]`

/** Whether `shape` fits `spec`, in which −1 stands for any size, also 0. A spec of null fits every shape. */
export function fitsShape(shape: readonly number[], spec: readonly number[] | null): boolean {
  if (spec === null) return shape.every((size) => Number.isInteger(size) && size >= 0)
  if (shape.length !== spec.length) return false
  for (let axis = 0; axis < spec.length; axis++) {
    const size = shape[axis] ?? -1
    if (spec[axis] === -1 ? !Number.isInteger(size) || size < 0 : size !== spec[axis]) return false
  }
  return true
}
