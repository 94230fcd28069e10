import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { SpillwayError } from '../../models/core/index.ts'

/** Fields of an infer request, and of an input in it: those that tensors' elements are in. */
const inputsField = 5
const rawField = 7
const contentsField = 5

/**
 * Bytes of a request besides its tensors' elements. A field takes two bytes of the message and hundreds in memory, so a
 * message of fields only would take many times its length.
 */
const mostStructure = 262_144

/**
 * Checks the structure of an encoded `ModelInferRequest` before it is decoded.
 *
 * @throws SpillwayError `request_malformed`.
 */
export function checkInferMessage(message: Uint8Array): void {
  let elements = 0
  let fields = 0
  const check = (bytes: Uint8Array, elementsField: number, nestedField?: number) => {
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len) {
      const [field, encoding] = reader.tag()
      // A field is two bytes at least: the rest need not be read.
      if (++fields > mostStructure / 2) throw tooManyFields(message.length - elements)
      if (encoding === WireType.LengthDelimited) {
        const value = reader.bytes()
        if (field === elementsField) elements += value.length
        else if (field === nestedField) check(value, contentsField)
      } else if (encoding === WireType.StartGroup) throw new TypeError('groups are not part of proto3')
      else reader.skip(encoding, field)
    }
  }
  try {
    check(message, rawField, inputsField)
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', 'The message is not a ModelInferRequest')
  }
  const structure = message.length - elements
  if (structure > mostStructure) throw tooManyFields(structure)
}

const tooManyFields = (structure: number) =>
  new SpillwayError('request_malformed', 'The message has too many fields', {
    expected: `at most ${mostStructure} bytes besides the elements of its tensors`,
    got: `${structure}`,
  })
