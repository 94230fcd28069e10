import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { malformed } from '../errors.ts'

export { WireType }

/** An undecoded field of a message. */
export class Field {
  readonly number: number
  readonly wireType: WireType
  /** Offsets of the tag's first byte and of the field's end. */
  readonly start: number
  readonly end: number
  /** Bytes of the value, without tag and length. */
  readonly length: number
  readonly #message: Uint8Array

  constructor(
    message: Uint8Array,
    number: number,
    wireType: WireType,
    start: number,
    end: number,
    length: number,
  ) {
    this.number = number
    this.wireType = wireType
    this.start = start
    this.end = end
    this.length = length
    this.#message = message
  }

  /** The value: a view, never a copy. */
  get value(): Uint8Array {
    return this.#message.subarray(this.end - this.length, this.end)
  }
}

/**
 * The fields of a message in order, undecoded, so that a hostile file costs no memory.
 * @throws SpillwayError `model_invalid` where a length exceeds the message.
 */
export function* fields(bytes: Uint8Array, what: string): Generator<Field> {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) yield next(reader, bytes, what)
}

function next(reader: BinaryReader, bytes: Uint8Array, what: string): Field {
  const start = reader.pos
  try {
    const [number, wireType] = reader.tag()
    const length = skipValue(reader, wireType)
    if (reader.pos > reader.len) throw new RangeError('past the end')
    return new Field(bytes, number, wireType, start, reader.pos, length)
  } catch {
    throw malformed(`The ${what} is truncated or corrupt at byte ${start} of ${reader.len}`, {
      expected: 'a protobuf field that ends within it',
    })
  }
}

/** Skips a field's value and returns its length. */
function skipValue(reader: BinaryReader, wireType: WireType): number {
  if (wireType === WireType.LengthDelimited) {
    const length = reader.uint32()
    reader.pos += length
    return length
  }
  const from = reader.pos
  if (wireType === WireType.Varint) reader.uint64()
  else if (wireType === WireType.Bit64) reader.pos += 8
  else if (wireType === WireType.Bit32) reader.pos += 4
  // Groups were never in ONNX, and to skip one is to recurse.
  else throw new RangeError('a group')
  return reader.pos - from
}
