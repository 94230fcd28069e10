import { DefaultDeserializer, DefaultSerializer } from 'node:v8'

/** Kinds of arrays, by their number in a message. */
const kinds = [
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigUint64Array,
  BigInt64Array,
  Uint8ClampedArray,
] as const

/** A view's place in a message: inside it, or one of the arrays that follow it. */
const inside = 0
const following = 1

/** Arrays of so many bytes follow their message as they are; smaller ones are copied into it. */
const mostInside = 4_096

/** A message without its large arrays, and these. */
export interface EncodedMessage {
  readonly head: Buffer
  readonly arrays: readonly Uint8Array[]
}

/** Writes values that can be cloned. The memory of large typed arrays is referred to and not copied. */
class MessageWriter extends DefaultSerializer {
  readonly arrays: Uint8Array[] = []

  /** Called by the serializer for each view. */
  _writeHostObject(view: ArrayBufferView): void {
    // A Buffer is a Uint8Array.
    const kind = kinds.findIndex((kind) => view instanceof kind)
    if (kind < 0) throw new TypeError(`A message cannot have a ${view.constructor.name}`)
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    this.writeUint32(kind)
    this.writeUint32(bytes.length)
    if (bytes.length <= mostInside) {
      this.writeUint32(inside)
      this.writeRawBytes(bytes)
    } else {
      this.writeUint32(following)
      this.arrays.push(bytes)
    }
  }
}

class MessageReader extends DefaultDeserializer {
  readonly #arrays: readonly ArrayBuffer[]
  #next = 0

  constructor(head: Uint8Array, arrays: readonly ArrayBuffer[]) {
    super(head)
    this.#arrays = arrays
  }

  /** Called by the deserializer for each view. */
  _readHostObject(): ArrayBufferView {
    const Kind = kinds[this.readUint32()]
    const bytes = this.readUint32()
    const isInside = this.readUint32() === inside
    // Views of the message's own memory would start anywhere, and keep all of it.
    const buffer = isInside ? Uint8Array.from(this.readRawBytes(bytes)).buffer : this.#arrays[this.#next++]
    if (!Kind || !buffer) throw new TypeError('The message names an array that it does not have')
    return new Kind(buffer)
  }
}

export function encodeMessage(message: unknown): EncodedMessage {
  const writer = new MessageWriter()
  writer.writeHeader()
  writer.writeValue(message)
  return { head: writer.releaseBuffer(), arrays: writer.arrays }
}

/** @param arrays The arrays that followed the message, each in memory of its own. */
export function decodeMessage(head: Uint8Array, arrays: readonly ArrayBuffer[]): unknown {
  const reader = new MessageReader(head, arrays)
  reader.readHeader()
  return reader.readValue()
}
