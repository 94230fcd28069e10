import { malformed } from '../errors.ts'
import { type Budget, spend } from './decode.ts'
import { type Field, fields, WireType } from './wire.ts'

/** The fields of a TensorProto that hold elements, and their wire types. */
const dataFields = new Map([
  [4, { name: 'float_data', wireType: WireType.Bit32 }],
  [5, { name: 'int32_data', wireType: WireType.Varint }],
  [7, { name: 'int64_data', wireType: WireType.Varint }],
  [9, { name: 'raw_data', wireType: WireType.LengthDelimited }],
  [10, { name: 'double_data', wireType: WireType.Bit64 }],
  [11, { name: 'uint64_data', wireType: WireType.Varint }],
])

/** Bytes per element of the fields with a fixed width. */
export const fixedBytes = new Map([
  [4, 4],
  [10, 8],
])

export const rawData = 9

/** The field of a message that holds a tensor's elements. */
export interface StoredData {
  readonly field: number
  readonly name: string
  /** Number of elements; bytes for `raw_data`. */
  readonly count: number
}

/** Finds a tensor's elements without decoding them. `rest` holds the other pieces of the message. */
export function findData(
  bytes: Uint8Array,
  budget: Budget,
): { readonly data: StoredData | undefined; readonly rest: readonly Uint8Array[] } {
  const rest: Uint8Array[] = []
  let data: StoredData | undefined
  let from = 0
  for (const field of fields(bytes, 'tensor')) {
    const known = dataFields.get(field.number)
    if (known === undefined) continue
    if (data !== undefined && data.field !== field.number) {
      throw malformed('A tensor has its elements twice', { got: `${data.name} and ${known.name}` })
    }
    // The last raw_data wins, as in protobuf; lists are concatenated.
    const before = field.number === rawData ? 0 : (data?.count ?? 0)
    const count = before + countElements(field, budget)
    data = { field: field.number, name: known.name, count }
    if (field.start > from) {
      spend(budget, 'records', 1)
      rest.push(bytes.subarray(from, field.start))
    }
    from = field.end
  }
  if (from < bytes.length) rest.push(bytes.subarray(from))
  return { data, rest }
}

function countElements({ number, wireType, value }: Field, budget: Budget): number {
  const known = dataFields.get(number)
  if (number === rawData && wireType === WireType.LengthDelimited) return value.length
  if (wireType !== WireType.LengthDelimited || number === rawData) {
    // The format allows one record per element, though no writer does so; such records are slow to read.
    spend(budget, 'elements', 1)
    if (wireType !== known?.wireType) throw malformed(`A tensor's ${known?.name} has the wrong wire type`)
    return 1
  }
  const width = fixedBytes.get(number)
  const isComplete = width === undefined ? (value.at(-1) ?? 0) < 0x80 : value.length % width === 0
  if (!isComplete) throw malformed(`A tensor's ${known?.name} ends inside an element`)
  if (width !== undefined) return value.length / width
  let count = 0
  for (const byte of value) if (byte < 0x80) count++
  return count
}
