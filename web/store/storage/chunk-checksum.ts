import type { IHasher } from 'hash-wasm'

/** Bytes read and checked in one go: they are still in the processor's cache when they are checked. */
export const sliceBytes = 2 ** 20

let hasher: Promise<IHasher> | undefined

/**
 * The checksum of stored chunks, XXH128. Their bytes passed the file's SHA-256 when they were downloaded. The checksum
 * finds what storage did to them since, at ten times the speed. It does not protect against a forged record: code that
 * can write one can change the page as well.
 *
 * All callers share one hasher, so nothing may be awaited between `init` and `digest`.
 */
export function loadCheck(): Promise<IHasher> {
  // The library is downloaded when there is something to hash.
  hasher ??= import('../hashes.ts').then(({ createXXHash128 }) => createXXHash128())
  hasher.catch(() => {
    // The next call tries again.
    hasher = undefined
  })
  return hasher
}

export const checkOf = (hash: IHasher, chunk: Uint8Array): string => hash.init().update(chunk).digest()
