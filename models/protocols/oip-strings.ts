/** Strings (BYTES) in the binary tensor extension of the Open Inference Protocol. */
import { SpillwayError } from '../core/error.ts'
import { decodeUtf8, encodeUtf8 } from './utf8.ts'

/** Each string is its length in UTF-8, as four bytes, and its bytes. */
export function writeStrings(strings: readonly string[]): Uint8Array {
  const encoded = strings.map(encodeUtf8)
  const bytes = new Uint8Array(encoded.reduce((sum, { length }) => sum + 4 + length, 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const text of encoded) {
    view.setUint32(offset, text.length, true)
    bytes.set(text, offset + 4)
    offset += 4 + text.length
  }
  return bytes
}

/** @throws SpillwayError `input_size_invalid` or `input_value_invalid`. */
export function readStrings(name: string, bytes: Uint8Array, count: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const strings: string[] = []
  let offset = 0
  while (offset < bytes.length && strings.length < count) {
    const length = offset + 4 <= bytes.length ? view.getUint32(offset, true) : Number.POSITIVE_INFINITY
    if (offset + 4 + length > bytes.length) break
    strings.push(decodeText(name, bytes.subarray(offset + 4, offset + 4 + length), strings.length))
    offset += 4 + length
  }
  if (strings.length === count && offset === bytes.length) return strings
  throw new SpillwayError('input_size_invalid', `"${name}" has the wrong number of strings`, {
    expected: `${count}, with four bytes of its length before each, in ${bytes.length} bytes`,
    got: `${strings.length} in ${offset} bytes`,
  })
}

/** @throws SpillwayError `input_value_invalid` for bytes that are not UTF-8. */
export function decodeText(name: string, bytes: Uint8Array, index: number): string {
  try {
    return decodeUtf8(bytes)
  } catch {
    throw new SpillwayError('input_value_invalid', `"${name}" has an invalid element at ${index}`, {
      expected: 'a string in UTF-8',
    })
  }
}
