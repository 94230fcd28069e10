import { SpillwayError } from './error.ts'
import { showValue } from './wording.ts'

/** The names of all fields of `T`, kept complete by the compiler. */
export type FieldNames<T> = Readonly<Record<T extends unknown ? keyof T : never, true>>

/**
 * Refuses a field that nothing reads: a misspelled option would be passed over. Undefined values count as absent.
 *
 * @param what Whose fields they are, at the beginning of a sentence: `model.run()`.
 * @throws SpillwayError `input_name_invalid`, which names the field; `input_value_invalid` where the value is no object.
 */
export function refuseUnknownFields(
  what: string,
  value: unknown,
  known: Readonly<Record<string, true>>,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SpillwayError('input_value_invalid', `${what} takes its options in an object`, {
      expected: `an object with some of ${Object.keys(known).join(', ')}`,
      got: showValue(value),
    })
  }
  // A loop without an array: this runs for every request that has options.
  for (const name in value) {
    if (Object.hasOwn(known, name) || value[name as keyof typeof value] === undefined) continue
    throw new SpillwayError('input_name_invalid', `${what} has no option "${name}"`, {
      expected: Object.keys(known).join(', '),
      got: name,
    })
  }
}
