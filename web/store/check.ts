import { type FileSpec, SpillwayError } from '../../models/index.ts'
import { sha256Of } from './sha256.ts'

/** What is wrong with bytes that should be `file`, or nothing. */
export async function checkBytes(file: FileSpec, bytes: ArrayBuffer): Promise<SpillwayError | undefined> {
  if (!(bytes instanceof ArrayBuffer)) return wrongHash(file, 'no bytes')
  if (bytes.byteLength !== file.size) return wrongSize(file, bytes.byteLength)
  const sha256 = await sha256Of(bytes)
  return sha256 === file.sha256 ? undefined : wrongHash(file, sha256)
}

export const wrongSize = (file: FileSpec, got: number) =>
  new SpillwayError(got < file.size ? 'file_truncated' : 'file_altered', `${file.path} has the wrong size`, {
    expected: `${file.size} bytes`,
    got: got > file.size ? 'more' : `${got}`,
    hint: 'It was not stored. Check the file on the server against its manifest.',
  })

export const wrongHash = (file: FileSpec, got: string) =>
  new SpillwayError('file_altered', `${file.path} is not what its manifest says`, {
    expected: `SHA-256 ${file.sha256}`,
    got,
    hint: 'It was not stored. Check the file on the server against its manifest.',
  })
