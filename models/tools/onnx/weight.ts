import { elementCount } from '../../core/tensor.ts'
import { malformed } from '../errors.ts'
import { bytesOf, DataType } from './data-type.ts'

/** A tensor that is stored in a model. Its elements are read when they are asked for. */
export interface Weight {
  readonly name: string
  readonly type: DataType
  readonly dims: readonly number[]
  /** The file beside the model that holds the elements; undefined where the model's file does. */
  readonly file?: string
  /** The elements in the form of ONNX's `raw_data`: little-endian, row-major. Read-only. */
  bytes(): Uint8Array
}

export const weightCount = ({ dims }: Pick<Weight, 'dims'>): number => elementCount(dims)

export const weightBytes = ({ type, dims }: Pick<Weight, 'type' | 'dims'>): number =>
  bytesOf(type, elementCount(dims))

/** The bytes behind a typed array. */
export const viewBytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** A weight out of an array. Large weights pass a function, which runs when the weight is written. */
export const weightFrom = (
  name: string,
  type: DataType,
  dims: readonly number[],
  data: ArrayBufferView | (() => ArrayBufferView),
): Weight => ({ name, type, dims, bytes: () => viewBytes(typeof data === 'function' ? data() : data) })

export const int64Weight = (name: string, values: readonly number[], dims = [values.length]): Weight =>
  weightFrom(name, DataType.INT64, dims, BigInt64Array.from(values, toInt64))

export const floatWeight = (name: string, values: readonly number[], dims = [values.length]): Weight =>
  weightFrom(name, DataType.FLOAT, dims, Float32Array.from(values))

/** An integer as a bigint, clamped to 64 bits: doubles cannot hold the largest ones, which stand for an open end. */
export function toInt64(value: number): bigint {
  if (value >= 2 ** 63) return 2n ** 63n - 1n
  return value < -(2 ** 63) ? -(2n ** 63n) : BigInt(value)
}

const maxRank = 64

/**
 * A stored tensor's shape as numbers.
 *
 * @throws SpillwayError `model_invalid` for impossible sizes.
 */
export function checkDims(dims: readonly bigint[], what: string): number[] {
  if (dims.length > maxRank) {
    throw malformed(`${what} has too many dimensions`, {
      expected: `at most ${maxRank}`,
      got: `${dims.length}`,
    })
  }
  const shape = dims.map(Number)
  const wrong = shape.find((size) => size < 0)
  if (wrong !== undefined) {
    throw malformed(`${what} has a negative dimension`, {
      expected: 'sizes of zero or more',
      got: show(dims),
    })
  }
  if (!Number.isSafeInteger(elementCount(shape)))
    throw malformed(`${what} has an impossible shape`, { got: show(dims) })
  return shape
}

const show = (dims: readonly bigint[]) => `[${dims.join(', ')}]`
