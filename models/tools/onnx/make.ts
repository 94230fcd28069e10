import { DataType } from './data-type.ts'
import { toInt64 } from './int64.ts'
import { bytesOf } from './values.ts'
import type { Weight } from './weight.ts'

/** Weights out of arrays: small ones that a pass adds. What is large is given as a function, and made when written. */
export const weightFrom = (
  name: string,
  type: DataType,
  dims: readonly number[],
  data: ArrayBufferView | (() => ArrayBufferView),
): Weight => ({ name, type, dims, bytes: () => bytesOf(typeof data === 'function' ? data() : data) })

export const int64Weight = (name: string, values: readonly number[], dims = [values.length]): Weight =>
  weightFrom(name, DataType.INT64, dims, BigInt64Array.from(values, toInt64))

export const floatWeight = (name: string, values: readonly number[], dims = [values.length]): Weight =>
  weightFrom(name, DataType.FLOAT, dims, Float32Array.from(values))
