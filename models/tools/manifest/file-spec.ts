import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import type { FileSpec } from '../../core/manifest.ts'

/** Called with the number of bytes of each piece that was read. */
export type OnRead = (bytes: number) => void

/** @throws SpillwayError `file_missing`. */
export async function sha256OfFile(path: string, onRead: OnRead = () => {}): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const part of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      hash.update(part)
      onRead(part.length)
    }
  } catch (cause) {
    throw SpillwayError.from(cause, 'file_missing', `${path} cannot be read`)
  }
  return hash.digest('hex')
}

/**
 * The entry of a file in a manifest.
 *
 * @throws SpillwayError `file_missing`.
 */
export async function fileSpec(folder: string, path: string, onRead?: OnRead): Promise<FileSpec> {
  const file = join(folder, path)
  const sha256 = await sha256OfFile(file, onRead)
  return { path, size: statSync(file).size, sha256 }
}
