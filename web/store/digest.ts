/** The SHA-256 of a file, whose bytes come in order. */
export interface Digest {
  /** Resolves when more may come; what `bytes` looks at may be written over then. */
  update(bytes: Uint8Array): Promise<void>
  /** Of all that came, in lower-case hexadecimal. */
  finish(): Promise<string>
  /** Forgets all that came. */
  restart(): void
  close(): void
}

/** Opens the digest of a file of so many bytes, where they are known. */
export type OpenDigest = (size: number | undefined) => Promise<Digest>

/** A digest that is taken on the thread that asks for it. */
export async function openDigest(): Promise<Digest> {
  const { createSHA256 } = await import('hash-wasm')
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
