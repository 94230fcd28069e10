/**
 * The binary tensor extension of the Open Inference Protocol. A body starts with the JSON part, whose length is in a
 * header. The tensors' elements follow in the order of the JSON part, little-endian and row-major.
 */
import { SpillwayError } from '../core/error.ts'
import { arrayOf, byteLength, elementCount, isStrings, showShape, type Tensor } from '../core/tensor.ts'
import { datatypeOf, wireType } from './oip.ts'
import type { WireTensor } from './oip-schemas.ts'
import { readStrings, writeStrings } from './oip-strings.ts'

/** The header of requests and responses that holds the length of the JSON part in bytes. */
export const jsonLengthHeader = 'inference-header-content-length'

/** The two parts of a body. */
export interface BinaryBody {
  readonly json: Uint8Array
  readonly tensors: Uint8Array
}

/** @throws SpillwayError `request_malformed` where the header is not a length within the body. */
export function splitBody(body: Uint8Array, header: string): BinaryBody {
  const length = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN
  if (!(length <= body.length)) {
    throw new SpillwayError('request_malformed', `The header ${jsonLengthHeader} is not valid`, {
      expected: `the length of the JSON part, at most ${body.length} bytes`,
      got: header.slice(0, 40),
    })
  }
  return { json: body.subarray(0, length), tensors: body.subarray(length) }
}

/** Bytes of a tensor's binary data; undefined where its elements are in the JSON part. */
export const binarySize = ({ parameters }: Pick<WireTensor, 'parameters'>) =>
  parameters?.binary_data_size ?? undefined

/** The share of a buffer that its tensors have at least where they are views of it: a view keeps all of it in memory. */
const leastShare = 0.9

/** Reads the binary tensors of a body in their order. */
export class BinaryReader {
  readonly #bytes: Uint8Array
  readonly #areViews: boolean
  #offset = 0

  /** @param isOwned Whether tensors may be views of the bytes: nobody else changes, transfers or reuses these. */
  constructor(bytes: Uint8Array, isOwned = false) {
    this.#bytes = bytes
    this.#areViews = isOwned && bytes.length >= leastShare * bytes.buffer.byteLength
  }

  /** @throws SpillwayError `input_type_invalid`, `input_size_invalid` or `input_value_invalid`. */
  read({ name, datatype, shape, parameters, data }: WireTensor): Tensor {
    const type = wireType(name, datatype)
    if (data) {
      throw new SpillwayError('request_malformed', `"${name}" has its elements twice`, {
        expected: 'either data or binary_data_size',
        got: 'both',
      })
    }
    const size = binarySize({ parameters })
    // Compared before memory is allocated by a size from the request.
    const fits =
      type === 'string'
        ? typeof size === 'number' && Number.isInteger(size) && size >= 4 * elementCount(shape)
        : size === byteLength(type, shape)
    const left = this.#bytes.length - this.#offset
    if (typeof size !== 'number' || !fits || size > left) {
      const expected =
        type === 'string'
          ? `at least ${4 * elementCount(shape)}, four bytes before each string,`
          : byteLength(type, shape)
      throw new SpillwayError('input_size_invalid', `"${name}" has the wrong number of bytes`, {
        expected: `binary_data_size ${expected} for ${datatype} ${showShape(shape)}`,
        got: fits ? `${left} bytes after the JSON part` : JSON.stringify(size),
      })
    }
    const from = this.#offset
    this.#offset += size
    if (type === 'string')
      return {
        type,
        data: readStrings(name, this.#bytes.subarray(from, this.#offset), elementCount(shape)),
        shape,
      }
    const array = arrayOf(type)
    // A typed array must start at a multiple of its element size.
    const isAligned = (this.#bytes.byteOffset + from) % array.BYTES_PER_ELEMENT === 0
    const bytes =
      this.#areViews && isAligned
        ? this.#bytes.subarray(from, this.#offset)
        : this.#bytes.slice(from, this.#offset)
    if (type === 'bool' && bytes.some((value) => value > 1)) {
      throw new SpillwayError('input_value_invalid', `"${name}" has an invalid element`, {
        expected: 'BOOL bytes of 0 or 1',
      })
    }
    // A view of shared memory is one as well, which the union of constructors does not say.
    const elements = new array(bytes.buffer as ArrayBuffer, bytes.byteOffset, size / array.BYTES_PER_ELEMENT)
    return { type, data: elements, shape }
  }

  /** @throws SpillwayError `request_malformed` where bytes are left over. */
  end(): void {
    const left = this.#bytes.length - this.#offset
    if (left === 0) return
    throw new SpillwayError('request_malformed', 'The body is longer than its tensors', {
      expected: `${this.#offset} bytes, by their binary_data_size`,
      got: `${this.#bytes.length}`,
    })
  }
}

/** A tensor's elements as bytes: those of numbers are a view. */
export const elementBytes = ({ data }: Tensor): Uint8Array =>
  isStrings(data) ? writeStrings(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** The entry of a binary tensor, whose elements take so many bytes, in the JSON part. */
export const binaryTensor = (
  name: string,
  { type, shape }: Tensor,
  { byteLength }: Uint8Array,
): WireTensor => ({
  name,
  shape: [...shape],
  datatype: datatypeOf(type),
  parameters: { binary_data_size: byteLength },
})

/** A body out of its JSON part and the elements of the tensors that this part lists. */
export function joinBody(json: Uint8Array, tensors: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = tensors.reduce((sum, { length }) => sum + length, json.length)
  const body = new Uint8Array(bytes)
  body.set(json)
  let offset = json.length
  for (const elements of tensors) {
    body.set(elements, offset)
    offset += elements.length
  }
  return body
}
