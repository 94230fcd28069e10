import { sha1 } from '@noble/hashes/legacy.js'
import { sha256 } from 'hash-wasm'

/** Lower-case hexadecimal. */
export const sha256Hex = (bytes: Uint8Array): Promise<string> => sha256(bytes)

/**
 * The name that git gives to content: what the hub knows of files that are not in LFS. Not by hash-wasm, whose
 * functions are one module: this one would come to pages that never speak to the hub.
 */
export function gitBlobId(bytes: Uint8Array): string {
  const hash = sha1.create()
  hash.update(new TextEncoder().encode(`blob ${bytes.length}\0`))
  hash.update(bytes)
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
