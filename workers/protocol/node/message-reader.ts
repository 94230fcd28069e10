import { decodeMessage } from './message-codec.ts'

/** Each message begins with the bytes of its head and the number of its arrays; then come their bytes. */
export const prefixBytes = 8
export const lengthBytes = 8

/** Cuts a stream of bytes into messages. Each byte of an array is copied once, to where it stays. */
export class StreamReader {
  readonly #onMessage: (message: unknown) => void
  /** What the next bytes belong to: the prefix, the lengths and the head, or one array after the other. */
  #target: Uint8Array = new Uint8Array(prefixBytes)
  #filled = 0
  #onFilled: () => void
  #head: Uint8Array = new Uint8Array(0)
  #arrays: ArrayBuffer[] = []
  #array = 0

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage
    this.#onFilled = this.#readPrefix
  }

  /** The chunk may be overwritten afterwards. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      const bytes = Math.min(chunk.length - at, this.#target.length - this.#filled)
      this.#target.set(bytes === chunk.length ? chunk : chunk.subarray(at, at + bytes), this.#filled)
      at += bytes
      this.#filled += bytes
      if (this.#filled === this.#target.length) this.#onFilled()
    }
  }

  #expect(target: Uint8Array, onFilled: () => void): void {
    this.#target = target
    this.#filled = 0
    this.#onFilled = onFilled
  }

  readonly #readPrefix = () => {
    const prefix = new DataView(this.#target.buffer, this.#target.byteOffset)
    const head = prefix.getUint32(0, true)
    const arrays = prefix.getUint32(4, true)
    this.#expect(Buffer.allocUnsafe(arrays * lengthBytes + head), () => this.#readHead(arrays))
  }

  #readHead(arrays: number): void {
    const lengths = new DataView(this.#target.buffer, this.#target.byteOffset)
    this.#head = this.#target.subarray(arrays * lengthBytes)
    this.#arrays = Array.from({ length: arrays }, (_, index) => {
      // Not filled with zeros, and not from Node's pool.
      const { buffer } = Buffer.allocUnsafeSlow(lengths.getFloat64(index * lengthBytes, true))
      return buffer
    })
    this.#array = 0
    this.#readNextArray()
  }

  readonly #readNextArray = () => {
    const buffer = this.#arrays[this.#array++]
    if (buffer) return this.#expect(new Uint8Array(buffer), this.#readNextArray)
    const message = decodeMessage(this.#head, this.#arrays)
    // An idle side does not keep the last tensors.
    this.#head = new Uint8Array(0)
    this.#arrays = []
    this.#expect(new Uint8Array(prefixBytes), this.#readPrefix)
    this.#onMessage(message)
  }
}
