import { BinaryReader } from '@bufbuild/protobuf/wire'
import { fixedBytes, rawData, type StoredData } from './tensor-data.ts'
import { fields, WireType } from './wire.ts'

/**
 * A tensor's elements in the form of `raw_data`: a view of the file where possible. ONNX is little-endian, and so is
 * every machine that Node runs on.
 */
export function readElements(
  tensor: Uint8Array,
  { field, count }: StoredData,
  elementBytes: number,
): Uint8Array {
  const width = fixedBytes.get(field) ?? elementBytes
  const target: { bytes: Uint8Array; at: number } = { bytes: new Uint8Array(0), at: 0 }
  for (const { number, wireType, value } of fields(tensor, 'tensor')) {
    if (number !== field) continue
    const isComplete = wireType === WireType.LengthDelimited && value.length === count * width
    if (field === rawData || (fixedBytes.has(field) && isComplete)) target.bytes = value
    else {
      if (target.bytes.length === 0) target.bytes = new Uint8Array(count * width)
      target.at = copyElements(value, field, target.bytes, target.at, width)
    }
  }
  return target.bytes
}

function copyElements(
  value: Uint8Array,
  field: number,
  target: Uint8Array,
  from: number,
  width: number,
): number {
  if (fixedBytes.has(field)) {
    target.set(value, from)
    return from + value.length
  }
  const view = new DataView(target.buffer)
  const reader = new BinaryReader(value)
  let at = from
  while (reader.pos < reader.len) {
    // int32_data holds all small types in its low bits; the 64-bit fields also hold uint32.
    const element = field === 5 ? BigInt(reader.int32()) : BigInt(reader.int64())
    writeLow(view, at, width, element)
    at += width
  }
  return at
}

function writeLow(view: DataView, at: number, width: number, element: bigint): void {
  if (width === 8) view.setBigInt64(at, element, true)
  else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, element)), true)
  else if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, element)), true)
  else view.setUint8(at, Number(BigInt.asUintN(8, element)))
}
