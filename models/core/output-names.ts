import { SpillwayError } from './error.ts'
import type { Manifest } from './manifest.ts'

/**
 * The outputs that a caller asks for; undefined where these are all of the model.
 *
 * @param known The outputs that there are, in place of the manifest's.
 * @throws SpillwayError `output_name_invalid`.
 */
export function checkOutputNames(
  { id, outputs }: Manifest,
  names: readonly string[],
  known: readonly string[] = outputs.map(({ name }) => name),
): readonly string[] | undefined {
  // A repeated output would be encoded repeatedly: a small request must not cause a huge answer.
  const invalid = names.find((name, index) => !known.includes(name) || names.indexOf(name) !== index)
  if (invalid !== undefined || names.length === 0) {
    throw new SpillwayError(
      'output_name_invalid',
      invalid === undefined ? `No output of ${id} is asked for` : `${id} cannot give the output "${invalid}"`,
      { expected: `${known.join(', ')}, each once`, got: invalid ?? 'none' },
    )
  }
  return names.length === outputs.length ? undefined : names
}
