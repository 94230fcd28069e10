import type { IHasher } from 'hash-wasm'

/** Bytes read and checked in one go: they are still in the processor's cache when they are checked. */
export const sliceBytes = 2 ** 20

let hasher: Promise<IHasher> | undefined

/**
 * The check of kept chunks, XXH128. Their bytes passed the file's SHA-256 on their way in; what the check has to
 * find is what storage did to them since, and it does so at ten times the speed. Who could write a record to go
 * with other bytes could write the page's scripts too.
 *
 * One hasher serves all: from `init` to `digest` nothing may be awaited.
 */
export function loadCheck(): Promise<IHasher> {
  // The library comes when there is something to hash.
  hasher ??= import('hash-wasm').then(({ createXXHash128 }) => createXXHash128())
  return hasher
}

export const checkOf = (hash: IHasher, chunk: Uint8Array): string => hash.init().update(chunk).digest()
