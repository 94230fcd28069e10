/** The SHA-256 of a file, whose bytes come in order. */
export interface Digest {
  /** Resolves when it can take more. `bytes` must stay unchanged until `finish` or `restart`. */
  update(bytes: Uint8Array): Promise<void>
  /** @returns The hash of all bytes, in lower-case hexadecimal. */
  finish(): Promise<string>
  /** Forgets all bytes. */
  restart(): void
  close(): void
}

/** Opens the digest of a file of `size` bytes, or of unknown size. */
export type OpenDigest = (size: number | undefined) => Promise<Digest>

/** A digest on the calling thread. */
export const openDigest: OpenDigest = async () => {
  const { createSHA256 } = await import('../hashes.ts')
  const hash = (await createSHA256()).init()
  return {
    update: async (bytes) => {
      hash.update(bytes)
    },
    finish: async () => hash.digest(),
    restart: () => {
      hash.init()
    },
    close: () => {},
  }
}
