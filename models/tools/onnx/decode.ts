import {
  create,
  type DescField,
  type DescMessage,
  type MessageShape,
  mergeFromBinary,
  ScalarType,
} from '@bufbuild/protobuf'
import { messageOf } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import { type Field, fields, WireType } from './wire.ts'

/**
 * Bounds of a file's structure, which is everything but its tensors' data. A decoded record takes some hundred bytes,
 * so a small hostile file of empty records could fill the memory. A language model of 80 layers, exported operator by
 * operator, has about 300,000 records.
 */
export const structureLimits = { records: 600_000, elements: 4_000_000, textBytes: 64 * 2 ** 20, depth: 64 }

export type Budget = { records: number; elements: number; textBytes: number }

export const newBudget = (): Budget => ({ ...structureLimits })

/** Checks a message against its schema without decoding it: lengths, wire types, depth and total size. */
export function checkStructure(schema: DescMessage, bytes: Uint8Array, budget: Budget, depth = 0): void {
  if (depth > structureLimits.depth) {
    throw malformed('The model is nested too deeply', { expected: `at most ${structureLimits.depth} levels` })
  }
  for (const field of fields(bytes, schema.name)) {
    spend(budget, 'records', 1)
    const desc = fieldsOf(schema).get(field.number)
    if (desc !== undefined) checkField(schema, desc, field, budget, depth)
  }
}

function checkField(schema: DescMessage, desc: DescField, field: Field, budget: Budget, depth: number): void {
  const expected = wireTypeOf(desc)
  const packed = desc.fieldKind === 'list' && field.wireType === WireType.LengthDelimited
  if (field.wireType !== expected && !(packed && expected !== WireType.LengthDelimited)) {
    throw malformed(`${schema.name}.${desc.name} has the wrong wire type`, {
      expected: `${WireType[expected]}`,
      got: `${WireType[field.wireType]}`,
    })
  }
  if (desc.message) checkStructure(desc.message, field.value, budget, depth + 1)
  else if (desc.scalar === ScalarType.STRING) spend(budget, 'textBytes', field.value.length)
  else if (packed && expected !== WireType.LengthDelimited) {
    checkPacked(`${schema.name}.${desc.name}`, expected, field.value, budget)
  }
}

function checkPacked(what: string, wireType: WireType, value: Uint8Array, budget: Budget): void {
  const width = { [WireType.Bit32]: 4, [WireType.Bit64]: 8 }[wireType as number] ?? 1
  const last = value.at(-1) ?? 0
  if (value.length % width !== 0 || (width === 1 && last >= 0x80)) {
    throw malformed(`${what} ends inside an element`)
  }
  spend(budget, 'elements', value.length / width)
}

export function spend(budget: Budget, what: keyof Budget, amount: number): void {
  budget[what] -= amount
  if (budget[what] >= 0) return
  throw malformed(`The model's structure is too large to read`, {
    expected: `at most ${structureLimits[what]} ${{ records: 'records', elements: 'list elements', textBytes: 'bytes of text' }[what]}`,
  })
}

function wireTypeOf(desc: DescField): WireType {
  if (desc.message) return WireType.LengthDelimited
  switch (desc.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64
    default:
      return WireType.Varint
  }
}

const byNumber = new WeakMap<DescMessage, Map<number, DescField>>()

function fieldsOf(schema: DescMessage): Map<number, DescField> {
  const known = byNumber.get(schema) ?? new Map(schema.fields.map((field) => [field.number, field]))
  byNumber.set(schema, known)
  return known
}

/**
 * Decodes a message that is given in pieces. Its structure is checked first, because the decoder itself has no
 * bounds.
 */
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

export interface SplitMessage {
  readonly taken: readonly Field[]
  /** Views that concatenate to the message without the taken fields. */
  readonly rest: readonly Uint8Array[]
}

/**
 * Takes the fields with the given numbers out of a message without copying. Large fields are set aside so, and the
 * rest is decoded piece by piece: protobuf merges concatenated messages.
 */
export function takeFields(
  bytes: Uint8Array,
  numbers: ReadonlySet<number>,
  what: string,
  budget: Budget,
): SplitMessage {
  const taken: Field[] = []
  const rest: Uint8Array[] = []
  let from = 0
  for (const field of fields(bytes, what)) {
    spend(budget, 'records', 1)
    if (!numbers.has(field.number)) continue
    if (field.start > from) rest.push(bytes.subarray(from, field.start))
    from = field.end
    taken.push(field)
  }
  if (from < bytes.length) rest.push(bytes.subarray(from))
  return { taken, rest }
}
