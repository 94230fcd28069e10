import { create, type DescMessage, type MessageShape, mergeFromBinary } from '@bufbuild/protobuf'
import { messageOf } from '../../core/error.ts'
import { type Budget, checkStructure } from './budget.ts'
import { malformed } from './malformed.ts'

/** Decodes a message that lies in pieces, after its structure was checked: the decoder itself bounds nothing. */
export function decode<Desc extends DescMessage>(
  schema: Desc,
  pieces: readonly Uint8Array[],
  budget: Budget,
): MessageShape<Desc> {
  const message = create(schema)
  for (const piece of pieces) {
    checkStructure(schema, piece, budget)
    try {
      mergeFromBinary(schema, message, piece)
    } catch (cause) {
      throw malformed(`The ${schema.name} cannot be decoded: ${messageOf(cause)}`)
    }
  }
  return message
}
