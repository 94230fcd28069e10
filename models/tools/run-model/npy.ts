import { SpillwayError } from '../../core/error.ts'
import { arrayOf, elementCount, type NumericType, type Tensor } from '../../core/tensor.ts'

const types: Readonly<Record<string, NumericType>> = {
  '<f4': 'float32',
  '<f8': 'float64',
  '<f2': 'float16',
  '|i1': 'int8',
  '|u1': 'uint8',
  '<i2': 'int16',
  '<u2': 'uint16',
  '<i4': 'int32',
  '<u4': 'uint32',
  '<i8': 'int64',
  '<u8': 'uint64',
  '|b1': 'bool',
}

/** Reads NumPy's file format: a magic string, a header as a Python literal, and the elements. */
export function parseNpy(bytes: Uint8Array, from: string): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = Buffer.from(bytes.subarray(0, 6)).toString('latin1')
  if (magic !== '\u0093NUMPY' || bytes.length < 12)
    throw unreadable(from, 'the first bytes of a .npy file', 'another format')
  const long = (bytes[6] ?? 1) > 1
  const start = long ? 12 : 10
  const end = start + (long ? view.getUint32(8, true) : view.getUint16(8, true))
  const header = Buffer.from(bytes.subarray(start, end)).toString('latin1')
  const type = types[/'descr':\s*'([^']+)'/.exec(header)?.[1] ?? '']
  const shape = /'shape':\s*\(([^)]*)\)/
    .exec(header)?.[1]
    ?.split(',')
    .filter((size) => size.trim() !== '')
  if (type === undefined || shape === undefined || !/'fortran_order':\s*False/.test(header)) {
    throw unreadable(from, 'little-endian numbers in C order', header.trim().slice(0, 120))
  }
  const sizes = shape.map(Number)
  const array = arrayOf(type)
  const length = elementCount(sizes)
  if (bytes.length - end !== length * array.BYTES_PER_ELEMENT) {
    throw unreadable(from, `${length * array.BYTES_PER_ELEMENT} bytes of elements`, `${bytes.length - end}`)
  }
  return { type, shape: sizes, data: new array(new Uint8Array(bytes.subarray(end)).buffer, 0, length) }
}

const unreadable = (from: string, expected: string, got: string) =>
  new SpillwayError('input_value_invalid', `${from} cannot be read`, { expected, got })
