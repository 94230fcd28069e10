/** Joins chunks in one buffer that doubles: a client may send a body byte by byte, and a list of chunks would be larger than the body. */
export class GrowingBuffer {
  /** A single chunk, the common case, is not copied. */
  #memory: Uint8Array = new Uint8Array(0)
  readonly #expected: number
  length = 0

  /** @param expected Bytes that are allocated at the second chunk. */
  constructor(expected = 0) {
    this.#expected = expected
  }

  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length
    if (this.length === 0) this.#memory = chunk
    else {
      if (length > this.#memory.length) {
        const larger = new Uint8Array(length <= this.#expected ? this.#expected : 2 * length)
        larger.set(this.bytes())
        this.#memory = larger
      }
      this.#memory.set(chunk, this.length)
    }
    this.length = length
  }

  /** A `Uint8Array`, because `Buffer.slice` does not copy. */
  bytes(): Uint8Array {
    const { buffer, byteOffset } = this.#memory
    return new Uint8Array(buffer, byteOffset, this.length)
  }
}
