import { SpillwayError } from './error.ts'

/** The names of all fields of `T`, kept complete by the compiler. */
export type FieldNames<T> = Readonly<Record<T extends unknown ? keyof T : never, true>>

/**
 * Refuses a field that nothing reads: a misspelled option would be passed over. Undefined values count as absent.
 *
 * @param what Whose fields they are, at the beginning of a sentence: `model.run()`.
 * @throws SpillwayError `input_name_invalid`, which names the field.
 */
export function refuseUnknownFields(
  what: string,
  value: object,
  known: Readonly<Record<string, true>>,
): void {
  // A loop without an array: this runs for every request that has options.
  for (const name in value) {
    if (Object.hasOwn(known, name) || value[name as keyof typeof value] === undefined) continue
    throw new SpillwayError('input_name_invalid', `${what} has no option "${name}"`, {
      expected: Object.keys(known).join(', '),
      got: name,
    })
  }
}
