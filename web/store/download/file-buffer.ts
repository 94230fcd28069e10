import { SpillwayError } from '../../../models/core/index.ts'

/** The bytes of a file that is being downloaded, in the one buffer that its session will use. */
export class FileBuffer {
  #bytes: Uint8Array<ArrayBuffer>

  /** @throws SpillwayError `capacity_insufficient`. */
  constructor(size: number) {
    this.#bytes = allocate(size)
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes
  }

  /**
   * Makes room for `length` bytes. The buffer doubles while the file's size is unknown.
   *
   * @throws SpillwayError `capacity_insufficient`.
   */
  grow(length: number, size: number | undefined): void {
    if (length <= this.#bytes.length) return
    const grown = allocate(size ?? Math.max(length, this.#bytes.length * 2))
    grown.set(this.#bytes)
    this.#bytes = grown
  }

  /** The file's bytes, in a buffer without anything else. */
  take(size: number): ArrayBuffer {
    const { buffer, length } = this.#bytes
    return size === length ? buffer : buffer.slice(0, size)
  }
}

function allocate(size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size)
  } catch (cause) {
    throw new SpillwayError(
      'capacity_insufficient',
      'The page has no memory for the model',
      { expected: `${size} bytes` },
      { cause },
    )
  }
}
