import { SpillwayError } from '../../core/error.ts'
import { halvesToFloats } from '../../core/half.ts'
import { bitsOf, DataType, nameOf } from './data-type.ts'
import { fromMinifloat, minifloats } from './minifloat.ts'
import { type Weight, weightCount } from './weight.ts'

type Elements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** A weight's elements as numbers of any type: small floats are widened, packed integers unpacked. */
export function valuesOf(weight: Weight): Elements {
  const bytes = weight.bytes()
  switch (weight.type) {
    case DataType.FLOAT:
    case DataType.COMPLEX64:
      return view(Float32Array, bytes)
    case DataType.DOUBLE:
    case DataType.COMPLEX128:
      return view(Float64Array, bytes)
    case DataType.FLOAT16:
      return halvesToFloats(view(Uint16Array, bytes))
    case DataType.BFLOAT16:
      return widened(view(Uint16Array, bytes))
    case DataType.INT16:
      return view(Int16Array, bytes)
    case DataType.UINT16:
      return view(Uint16Array, bytes)
    case DataType.INT32:
      return view(Int32Array, bytes)
    case DataType.UINT32:
      return view(Uint32Array, bytes)
    case DataType.INT64:
      return view(BigInt64Array, bytes)
    case DataType.UINT64:
      return view(BigUint64Array, bytes)
    default:
      return smallValues(weight, bytes)
  }
}

function smallValues(weight: Weight, bytes: Uint8Array): Elements {
  const bits = bitsOf(weight.type) ?? 8
  const packed = bits === 8 ? bytes : unpack(bytes, bits, weightCount(weight))
  const format = minifloats.get(weight.type)
  if (format) return mapInto(packed, new Float32Array(packed.length), (one) => fromMinifloat(one, format))
  // A power of two, stored as its exponent.
  if (weight.type === DataType.FLOAT8E8M0) {
    return mapInto(packed, new Float32Array(packed.length), (one) =>
      one === 255 ? Number.NaN : 2 ** (one - 127),
    )
  }
  const signed =
    weight.type === DataType.INT8 || weight.type === DataType.INT4 || weight.type === DataType.INT2
  if (!signed) return packed
  return mapInto(packed, new Int8Array(packed.length), (one) => (one << (32 - bits)) >> (32 - bits))
}

/** Brain floats are the high halves of floats. */
function widened(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length)
  mapInto(halves, new Uint32Array(floats.buffer), (bits) => bits << 16)
  return floats
}

/** In place of `from`, which collects the elements in a list first: a list holds no more than 2^27. */
function mapInto<T extends Float32Array | Int8Array | Uint32Array>(
  from: Uint8Array | Uint16Array,
  to: T,
  map: (element: number) => number,
): T {
  for (let index = 0; index < from.length; index++) to[index] = map(from[index] ?? 0)
  return to
}

/** Unpacks small integers; the first element is in the lowest bits. */
function unpack(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  const each = 8 / bits
  const unpacked = new Uint8Array(count)
  for (let index = 0; index < count; index++)
    unpacked[index] = ((bytes[Math.floor(index / each)] ?? 0) >>> ((index % each) * bits)) & (2 ** bits - 1)
  return unpacked
}

/**
 * A weight's elements as floats.
 *
 * @throws SpillwayError `not_supported` for tensors of other types.
 */
export function floatsOf(weight: Weight): Float32Array {
  const values = valuesOf(weight)
  if (values instanceof Float32Array) return values
  if (values instanceof Float64Array) return new Float32Array(values)
  throw new SpillwayError('not_supported', `"${weight.name}" is not a tensor of floats`, {
    got: nameOf(weight.type),
  })
}

/** A weight's elements as plain numbers: shapes, axes, indices. */
export const integersOf = (weight: Weight): number[] => Array.from(valuesOf(weight), Number)

interface ArrayType<T> {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, offset: number, length: number): T
}

/** A typed array over the bytes; a copy where they are not aligned. */
export function view<T>(array: ArrayType<T>, bytes: Uint8Array): T {
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes)
  return new array(aligned.buffer, aligned.byteOffset, aligned.byteLength / array.BYTES_PER_ELEMENT)
}
