/**
 * The protocol's binary tensor extension: the JSON part first, its length in a header, then each tensor's elements
 * as they lie in memory, little-endian, in the order of the JSON part.
 */
import { SpillwayError } from '../core/error.ts'
import { arrayOf, byteLength, showShape, type Tensor } from '../core/tensor.ts'
import { datatypeOf, type WireTensor, wireType } from './oip.ts'

/** The header, of requests and of responses, with the bytes of the JSON part. */
export const jsonLengthHeader = 'inference-header-content-length'

/** As `GET v2` lists it. */
export const binaryExtension = 'binary_tensor_data'

/** The JSON part of a body, and the tensors behind it. */
export interface BinaryBody {
  readonly json: Uint8Array
  readonly tensors: Uint8Array
}

/** @throws SpillwayError `request_malformed` where the header is no length within the body. */
export function splitBody(body: Uint8Array, header: string): BinaryBody {
  const length = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN
  if (!(length <= body.length)) {
    throw new SpillwayError('request_malformed', `The header ${jsonLengthHeader} is wrong`, {
      expected: `the bytes of the JSON part, ${body.length} at most`,
      got: header.slice(0, 40),
    })
  }
  return { json: body.subarray(0, length), tensors: body.subarray(length) }
}

/** Bytes of a tensor that stands behind the JSON part; nothing where its elements stand in the JSON. */
export const binarySize = ({ parameters }: Pick<WireTensor, 'parameters'>) => parameters?.binary_data_size

/** Takes the tensors behind the JSON part, one after the other. */
export class BinaryReader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** @throws SpillwayError `input_type_invalid`, `input_size_invalid` or `input_value_invalid`. */
  read({ name, datatype, shape, parameters }: WireTensor): Tensor {
    const type = wireType(name, datatype)
    const size = binarySize({ parameters })
    // Compared before anything is made by the request's word.
    const expected = byteLength(type, shape)
    const left = this.#bytes.length - this.#offset
    if (size !== expected || expected > left) {
      throw new SpillwayError('input_size_invalid', `"${name}" has the wrong number of bytes`, {
        expected: `binary_data_size ${expected} for ${datatype} ${showShape(shape)}`,
        got: size === expected ? `${left} bytes behind the JSON part` : JSON.stringify(size),
      })
    }
    // A copy, because elements have to stand at a multiple of their size.
    const bytes = this.#bytes.slice(this.#offset, this.#offset + expected)
    this.#offset += expected
    if (type === 'bool' && bytes.some((value) => value > 1)) {
      throw new SpillwayError('input_value_invalid', `"${name}" has a wrong element`, {
        expected: 'BOOL bytes of 0 or 1',
      })
    }
    return { type, data: new (arrayOf(type))(bytes.buffer), shape }
  }

  /** @throws SpillwayError `request_malformed` where something is left. */
  end(): void {
    const left = this.#bytes.length - this.#offset
    if (left === 0) return
    throw new SpillwayError('request_malformed', 'The tensors behind the JSON part are too long', {
      expected: `${this.#offset} bytes, by their binary_data_size`,
      got: `${this.#bytes.length}`,
    })
  }
}

/** How the JSON part tells of a tensor behind it. */
export const binaryTensor = (name: string, { type, data, shape }: Tensor): WireTensor => ({
  name,
  shape: [...shape],
  datatype: datatypeOf(type),
  parameters: { binary_data_size: data.byteLength },
})

/** A body of a JSON part, whose length goes into the header, and the tensors that it tells of. */
export function joinBody(json: Uint8Array, tensors: readonly Tensor[]): Uint8Array<ArrayBuffer> {
  const bytes = tensors.reduce((sum, { data }) => sum + data.byteLength, json.length)
  const body = new Uint8Array(bytes)
  body.set(json)
  let offset = json.length
  for (const { data } of tensors) {
    body.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
    offset += data.byteLength
  }
  return body
}
