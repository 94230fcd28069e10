import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type FileSpec, SpillwayError } from '../../core/index.ts'

/** Checks a file's size and SHA-256. @throws SpillwayError `file_missing`, `file_truncated` or `file_altered`. */
export type Verifier = (path: string, file: FileSpec) => Promise<void>

/** Checks files against their manifest. A file that has not changed since its last check is not read again. */
export function createVerifier(): Verifier {
  const verified = new Map<string, string>()
  return async (path, file) => {
    const { size, mtimeMs } = await statFile(path, file)
    const state = `${file.sha256} ${size} ${mtimeMs}`
    if (verified.get(path) === state) return
    await checkHash(path, file)
    verified.set(path, state)
  }
}

/** The file's `stat`. @throws SpillwayError where the size is not the manifest's; the content is not read. */
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
  throw new SpillwayError('file_altered', `${file.path} does not match its manifest`, {
    expected: `SHA-256 ${file.sha256}`,
    got: sha256,
    hint: 'Fetch the file again, or write a new manifest.',
  })
}
