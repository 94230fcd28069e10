import { sha1 } from '@noble/hashes/legacy.js'
import { sha256 } from 'hash-wasm'

/** Lower-case hexadecimal. */
export const sha256Hex = (bytes: Uint8Array): Promise<string> => sha256(bytes)

/**
 * The git blob id of a file, which the hub lists for files that are not in LFS. It does not use hash-wasm, which is one
 * module: SHA-1 would be downloaded by pages that never use the hub.
 */
export function gitBlobId(bytes: Uint8Array): string {
  const hash = sha1.create()
  hash.update(new TextEncoder().encode(`blob ${bytes.length}\0`))
  hash.update(bytes)
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
