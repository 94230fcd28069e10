import type { BodyMemory } from './body-memory.ts'

/** Bytes of the largest number of a tensor. */
const largestElement = 8

/** Where the memory comes from, and where that of chunks goes which were copied. */
export type ChunkMemory = Pick<BodyMemory, 'take' | 'free'>

const plainMemory: ChunkMemory = {
  // Not filled with zeros, and not from Node's pool, which cannot move to another thread.
  take: (bytes) => Buffer.allocUnsafeSlow(bytes),
  free: () => undefined,
}

/** Joins chunks in one buffer that doubles: a client may send a body byte by byte, and a list of chunks would be larger than the body. */
export class GrowingBuffer {
  /** A single chunk, the common case, is not copied. */
  #memory: Uint8Array = new Uint8Array(0)
  readonly #first: number
  readonly #total: number
  readonly #skipped: number
  readonly #source: ChunkMemory
  #isCopied = false
  length = 0

  /**
   * @param first Bytes that are allocated at the second chunk.
   * @param total Bytes that are expected in the end: no more are allocated for so many.
   * @param alignedAt The byte that is placed so that numbers of any type may start there, where there are several chunks.
   * @param source Gives memory of so many bytes at least. Where it frees chunks, nobody else may have them.
   */
  constructor(first = 0, total = first, alignedAt = 0, source = plainMemory) {
    this.#source = source
    this.#first = first
    this.#total = total
    this.#skipped = Number.isSafeInteger(alignedAt) ? -alignedAt & (largestElement - 1) : 0
  }

  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length
    if (this.length === 0) this.#memory = chunk
    else {
      if (length > this.#memory.length) {
        const larger = this.#allocate(this.#sizeFor(length))
        larger.set(this.bytes())
        if (!this.#isCopied) this.#source.free(this.#memory)
        this.#isCopied = true
        this.#memory = larger
      }
      this.#memory.set(chunk, this.length)
      this.#source.free(chunk)
    }
    this.length = length
  }

  #sizeFor(length: number): number {
    if (length <= this.#first) return this.#first
    return length <= this.#total ? Math.min(2 * length, this.#total) : 2 * length
  }

  #allocate(bytes: number): Uint8Array {
    return this.#source.take(this.#skipped + bytes).subarray(this.#skipped)
  }

  /** A `Uint8Array`, because `Buffer.slice` does not copy. */
  bytes(): Uint8Array {
    const { buffer, byteOffset } = this.#memory
    return new Uint8Array(buffer, byteOffset, this.length)
  }
}
