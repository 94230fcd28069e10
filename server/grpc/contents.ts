/**
 * The elements of a tensor as `InferTensorContents`: one field for each kind of datatype. They are read into typed arrays
 * and written from them; the generated code would make a list of all elements first.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import {
  arrayOf,
  elementCount,
  isStrings,
  type NumericData,
  SpillwayError,
  showShape,
  type Tensor,
  type TensorData,
  type TensorType,
} from '../../models/core/index.ts'
import { wireType } from '../../models/protocols/oip.ts'
import type { WireTensor } from '../../models/protocols/oip-schemas.ts'
import { decodeText } from '../../models/protocols/oip-strings.ts'
import { encodeUtf8 } from '../../models/protocols/utf8.ts'

interface Field {
  readonly number: number
  readonly name: string
  /** How one element is encoded. */
  readonly wireType: WireType
  /** Reads one number. */
  read(reader: BinaryReader): number | bigint
  write(writer: BinaryWriter, element: number | bigint): void
}

const int32 = {
  number: 2,
  name: 'int_contents',
  wireType: WireType.Varint,
  read: (reader) => reader.int32(),
  write: (writer, element) => void writer.int32(Number(element)),
} satisfies Field

const uint32 = {
  number: 4,
  name: 'uint_contents',
  wireType: WireType.Varint,
  read: (reader) => reader.uint32(),
  write: (writer, element) => void writer.uint32(Number(element)),
} satisfies Field

const fields = {
  bool: {
    number: 1,
    name: 'bool_contents',
    wireType: WireType.Varint,
    read: (reader) => Number(reader.bool()),
    write: (writer, element) => void writer.bool(element !== 0),
  },
  int8: int32,
  int16: int32,
  int32,
  int64: {
    number: 3,
    name: 'int64_contents',
    wireType: WireType.Varint,
    read: (reader) => BigInt(reader.int64()),
    write: (writer, element) => void writer.int64(BigInt(element)),
  },
  uint8: uint32,
  uint16: uint32,
  uint32,
  uint64: {
    number: 5,
    name: 'uint64_contents',
    wireType: WireType.Varint,
    read: (reader) => BigInt(reader.uint64()),
    write: (writer, element) => void writer.uint64(BigInt(element)),
  },
  float32: {
    number: 6,
    name: 'fp32_contents',
    wireType: WireType.Bit32,
    read: (reader) => reader.float(),
    write: (writer, element) => void writer.float(Number(element)),
  },
  float64: {
    number: 7,
    name: 'fp64_contents',
    wireType: WireType.Bit64,
    read: (reader) => reader.double(),
    write: (writer, element) => void writer.double(Number(element)),
  },
  string: {
    number: 8,
    name: 'bytes_contents',
    wireType: WireType.LengthDelimited,
    read: () => 0,
    write: () => {},
  },
} satisfies Record<Exclude<TensorType, 'float16'>, Field>

/** Whether a type has a field. */
export const hasContents = (type: TensorType): type is Exclude<TensorType, 'float16'> => type !== 'float16'

const fieldOf = (name: string, type: TensorType): Field => {
  if (hasContents(type)) return fields[type]
  throw new SpillwayError('not_supported', `"${name}" is FP16, for which InferTensorContents has no field`, {
    hint: 'Send it in raw_input_contents.',
  })
}

/**
 * Reads a tensor's elements.
 *
 * @throws SpillwayError `input_type_invalid` for elements in the field of another datatype, `input_size_invalid`,
 * `input_value_invalid`, `not_supported` or `request_malformed`.
 */
export function readContents({ name, datatype, shape }: WireTensor, bytes: Uint8Array): Tensor {
  const type = wireType(name, datatype)
  const field = fieldOf(name, type)
  const count = elementCount(shape)
  // Each element takes a byte at least: compared before memory is allocated by a shape from the request.
  if (count > bytes.length) throw wrongCount(name, shape, `${bytes.length} bytes`)
  const strings: string[] = []
  const data = type === 'string' ? strings : new (arrayOf(type))(count)
  let read = 0
  const add = (reader: BinaryReader) => {
    if (read === count) throw wrongCount(name, shape, 'more')
    if (data === strings) strings.push(decodeText(name, reader.bytes(), read))
    else if (!isStrings(data)) setElement(name, data, read, field.read(reader))
    read++
  }
  try {
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len) {
      const [number, encoding] = reader.tag()
      if (number !== field.number) throw otherField(name, datatype, field)
      if (encoding === field.wireType) add(reader)
      else readPacked(reader, add)
    }
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', `"${name}" has malformed contents`)
  }
  if (read !== count) throw wrongCount(name, shape, `${read}`)
  return { type, data, shape }
}

/** All elements of a field in one piece, which is how nearly all clients write numbers. */
function readPacked(reader: BinaryReader, add: (reader: BinaryReader) => void): void {
  const length = reader.uint32()
  const end = reader.pos + length
  while (reader.pos < end) add(reader)
  if (reader.pos !== end) throw new RangeError('an element goes past the end of its field')
}

/** Typed arrays would wrap numbers that do not fit, silently. */
function setElement(name: string, data: NumericData, index: number, element: number | bigint): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[index] = BigInt(element)
  else {
    data[index] = Number(element)
    if (data instanceof Float32Array || data instanceof Float64Array || data[index] === element) return
    throw new SpillwayError('input_value_invalid', `"${name}" has an invalid element at ${index}`, {
      expected: `a number that ${data.BYTES_PER_ELEMENT} bytes hold`,
      got: String(element),
    })
  }
}

const wrongCount = (name: string, shape: readonly number[], got: string) =>
  new SpillwayError('input_size_invalid', `"${name}" has the wrong number of elements`, {
    expected: `${elementCount(shape)} for shape ${showShape(shape)}`,
    got,
  })

const otherField = (name: string, datatype: string, field: Field) =>
  new SpillwayError('input_type_invalid', `"${name}" has elements of another datatype`, {
    expected: `${field.name} for ${datatype}`,
    got: 'another field',
  })

/** Writes a tensor's elements. @throws SpillwayError `not_supported` for half floats. */
export function writeContents(name: string, type: TensorType, data: TensorData): Uint8Array {
  const field = fieldOf(name, type)
  const writer = new BinaryWriter()
  if (isStrings(data))
    for (const text of data) writer.tag(field.number, WireType.LengthDelimited).bytes(encodeUtf8(text))
  else if (data.length > 0) {
    writer.tag(field.number, WireType.LengthDelimited).fork()
    for (const element of data) field.write(writer, element)
    writer.join()
  }
  return writer.finish()
}
