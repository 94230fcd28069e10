import { type Budget, spend } from './budget.ts'
import { type Field, fields } from './wire.ts'

export interface Split {
  readonly taken: readonly Field[]
  /** Views whose concatenation is the same message without what was taken. */
  readonly rest: readonly Uint8Array[]
}

/**
 * Takes the fields with the given numbers out of a message, without a copy of anything: what is large is
 * put aside so, and the rest is decoded piece by piece, as protobuf merges what is concatenated.
 */
export function takeFields(
  bytes: Uint8Array,
  numbers: ReadonlySet<number>,
  what: string,
  budget: Budget,
): Split {
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
