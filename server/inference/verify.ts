import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type FileSpec, SpillwayError } from '../../models/core/index.ts'

/** @throws SpillwayError `file_missing`, `file_truncated` or `file_altered`. */
export type Verifier = (path: string, file: FileSpec) => Promise<void>

/** Checks files against their manifest; one that has not changed since is not read again for the next lane. */
export function createVerifier(): Verifier {
  const seen = new Map<string, string>()
  return async (path, file) => {
    const { size, mtimeMs } = await statFile(path, file)
    const state = `${file.sha256} ${size} ${mtimeMs}`
    if (seen.get(path) === state) return
    await checkHash(path, file)
    seen.set(path, state)
  }
}

/** A file's state, its size being what the manifest says. */
export async function statFile(path: string, file: FileSpec) {
  const found = await stat(path).catch((cause: unknown) => {
    throw SpillwayError.from(cause, 'file_missing', `${file.path} cannot be read`)
  })
  if (found.size === file.size) return found
  throw new SpillwayError(
    found.size < file.size ? 'file_truncated' : 'file_altered',
    `${file.path} has the wrong size`,
    {
      expected: `${file.size} bytes`,
      got: `${found.size}`,
    },
  )
}

async function checkHash(path: string, file: FileSpec): Promise<void> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part)
  const sha256 = hash.digest('hex')
  if (sha256 === file.sha256) return
  throw new SpillwayError('file_altered', `${file.path} is not what its manifest says`, {
    expected: `SHA-256 ${file.sha256}`,
    got: sha256,
    hint: 'Fetch the file again, or make its manifest anew.',
  })
}
