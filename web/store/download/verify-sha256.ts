import { SpillwayError } from '../../../models/core/index.ts'
import type { FileSource } from './file-source.ts'

/**
 * Compares a downloaded file's SHA-256 with the one that its source names. A file without one has nothing to compare:
 * its first download records the hash.
 *
 * @param sha256 The hash of all bytes, in lower-case hexadecimal.
 * @returns The error of a file that is not what its manifest says: `file_altered`; else undefined.
 */
export function verifySha256({ path, key }: FileSource, sha256: string): SpillwayError | undefined {
  if (!('sha256' in key) || key.sha256 === sha256) return undefined
  return new SpillwayError('file_altered', `${path} is not what its manifest says`, {
    expected: `SHA-256 ${key.sha256}`,
    got: sha256,
    hint: 'It was not stored. Check the file on the server against its manifest.',
  })
}
