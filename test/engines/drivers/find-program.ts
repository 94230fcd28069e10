import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The path of the first program that is there.
 *
 * @param names As they would stand on the command line.
 * @param paths Where else it may be.
 */
export function findProgram(names: readonly string[], paths: readonly string[] = []): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const onPath = folders.flatMap((folder) => names.map((name) => join(folder, name)))
  return [...onPath, ...paths].find((path) => existsSync(path))
}
