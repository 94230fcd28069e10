import { sha1 } from '@noble/hashes/legacy.js'
import { sha256 } from 'hash-wasm'
import { toHex } from '../core/hex.ts'

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
  return toHex(hash.digest())
}
