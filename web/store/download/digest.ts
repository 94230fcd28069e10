/** The SHA-256 of a file, whose bytes come in order. */
export interface Digest {
  /** Resolves when more may come; what `bytes` looks at must stay as it is until `finish` or `restart`. */
  update(bytes: Uint8Array): Promise<unknown>
  /** Of all that came, in lower-case hexadecimal. */
  finish(): Promise<string>
  /** Forgets all that came. */
  restart(): void
  close(): void
}

/** Opens the digest of a file of so many bytes, where they are known. */
export type OpenDigest = (size: number | undefined) => Promise<Digest>

/** A digest that can go on elsewhere. */
export interface MovableDigest extends Digest {
  /** @returns Its state after `bytes`, small, of which `resumeDigest` goes on. */
  update(bytes: Uint8Array): Promise<Uint8Array>
}

/** A digest that is taken on the thread that asks for it. */
export const openDigest: OpenDigest = () => resumeDigest()

export async function resumeDigest(state?: Uint8Array): Promise<MovableDigest> {
  const { createSHA256 } = await import('hash-wasm')
  const hash = (await createSHA256()).init()
  if (state) hash.load(state)
  return {
    update: async (bytes) => hash.update(bytes).save(),
    finish: async () => hash.digest(),
    restart: () => {
      hash.init()
    },
    close: () => {},
  }
}
