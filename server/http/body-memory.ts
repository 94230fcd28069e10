import { detachBuffers } from '../../models/async/detach-buffers.ts'

/** Bytes of memory that is kept for later bodies. */
const mostKept = 32 * 2 ** 20

/** Sizes are multiples of this: bodies of one model differ by some bytes of JSON. */
const step = 4_096

/** Smaller bodies are left to the garbage collector. */
const smallest = 65_536

/** Chunks of fewer bytes are left to the garbage collector. */
const smallestChunk = 16_384

/**
 * Memory for request bodies, used again. Memory outside of JavaScript's heap makes V8 collect all garbage after each
 * 64 MB: with a new buffer for each body, a server of large tensors spends as much time on that as on all else.
 */
export class BodyMemory {
  readonly #free = new Map<number, ArrayBuffer[]>()
  readonly #lent = new WeakSet<ArrayBuffer>()
  #kept = 0

  /** Memory of so many bytes or a little more. It is not filled with zeros. */
  take(bytes: number): Uint8Array {
    // From Node's own pool it could not move to another thread.
    if (bytes < smallest) return Buffer.allocUnsafeSlow(bytes)
    const size = Math.ceil(bytes / step) * step
    const free = this.#free.get(size)
    const buffer = free?.pop() ?? Buffer.allocUnsafeSlow(size).buffer
    if (free) {
      this.#kept -= size
      if (free.length === 0) this.#free.delete(size)
    }
    this.#lent.add(buffer)
    return new Uint8Array(buffer)
  }

  /**
   * Frees the memory of a chunk that Node made for it alone, and that nobody reads any more. Its next user finds it in the
   * processor's cache; the garbage collector would free it a hundred megabytes later.
   */
  free({ buffer, byteLength }: Uint8Array): void {
    if (buffer instanceof ArrayBuffer && byteLength >= smallestChunk && byteLength === buffer.byteLength)
      detachBuffers([buffer])
  }

  /** Takes memory back that nothing refers to any more. Memory from elsewhere is ignored. */
  giveBack(buffer: ArrayBufferLike): void {
    if (!(buffer instanceof ArrayBuffer) || !this.#lent.delete(buffer)) return
    const size = buffer.byteLength
    // It has moved to another thread.
    if (size === 0) return
    this.#kept += size
    const free = this.#free.get(size)
    if (free) free.push(buffer)
    else this.#free.set(size, [buffer])
    for (const [other, buffers] of this.#free) {
      while (this.#kept > mostKept && buffers.pop()) this.#kept -= other
      if (buffers.length > 0) return
      this.#free.delete(other)
    }
  }
}
