import type { DescMessage } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { ModelProtoSchema } from '../../../models/tools/onnx/generated/onnx_pb.ts'
import { fields } from '../../../models/tools/onnx/wire.ts'

/** One change of a file: most of a model is weights, so positions are drawn from where its structure stands. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'set'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'copy'; readonly at: number; readonly from: number; readonly length: number }
  | { readonly kind: 'cut'; readonly at: number }

/** Where tags, lengths and short values stand in a file. */
export function structureOf(file: Uint8Array): readonly number[] {
  const places: number[] = []
  collect(ModelProtoSchema, file, 0, places)
  return places
}

function collect(schema: DescMessage, bytes: Uint8Array, base: number, places: number[]): void {
  for (const { number, start, end, length, value } of fields(bytes, 'file')) {
    const head = Math.min(end, end - length + 16)
    for (let at = start; at < head; at++) places.push(base + at)
    const inner = schema.fields.find((field) => field.number === number)?.message
    if (inner) collect(inner, value, base + end - length, places)
  }
}

/** Bytes that mean much in protobuf: lengths at the edges, the longest varints, a negative number. */
const telling = [
  [0x00],
  [0x7f],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x94, 0xeb, 0xdc, 0x03],
].map((bytes) => Uint8Array.from(bytes))

export function mutations(places: readonly number[]): fc.Arbitrary<readonly Mutation[]> {
  const at = fc.nat(places.length - 1).map((index) => places[index] ?? 0)
  const bytes = fc.oneof(fc.constantFrom(...telling), fc.uint8Array({ minLength: 1, maxLength: 12 }))
  const length = fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 5_000 }))
  const one = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat(7) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), at, bytes }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('insert' as const), at, bytes }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), at, length }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('copy' as const), at, from: at, length }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at }) },
  )
  return fc.array(one, { minLength: 1, maxLength: 4 })
}

export const mutate = (file: Uint8Array, changes: readonly Mutation[]): Uint8Array =>
  changes.reduce<Uint8Array>(apply, Uint8Array.from(file))

function apply(file: Uint8Array, change: Mutation): Uint8Array {
  const at = Math.min(change.at, file.length)
  const splice = (removed: number, put: Uint8Array) =>
    new Uint8Array(Buffer.concat([file.subarray(0, at), put, file.subarray(at + removed)]))
  switch (change.kind) {
    case 'flip':
      file[at] = (file[at] ?? 0) ^ (1 << change.bit)
      return file
    case 'set':
      file.set(change.bytes.subarray(0, Math.max(0, file.length - at)), at)
      return file
    case 'insert':
      return splice(0, change.bytes)
    case 'remove':
      return splice(change.length, new Uint8Array(0))
    case 'copy':
      return splice(0, file.slice(change.from, change.from + change.length))
    case 'cut':
      return file.slice(0, at)
  }
}
