import { sha256 } from 'hash-wasm'
import type { FileKey } from './source.ts'

/** A key as one short text, fit for a file's name. */
export const keyText = async (key: FileKey): Promise<string> =>
  'sha256' in key ? `sha256-${key.sha256}` : `etag-${await sha256(`${key.etag} ${key.url}`)}`
