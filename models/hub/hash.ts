import { createSHA1, sha256 } from 'hash-wasm'

/** Lower-case hexadecimal. */
export const sha256Hex = (bytes: Uint8Array): Promise<string> => sha256(bytes)

/** The name that git gives to content: what the hub knows of files that are not in LFS. */
export async function gitBlobId(bytes: Uint8Array): Promise<string> {
  const hash = await createSHA1()
  hash.update(`blob ${bytes.length}\0`)
  hash.update(bytes)
  return hash.digest('hex')
}
