import { elementCount } from '../../../models/core/index.ts'
import type { Block, Ort, TensorMemory } from '../runtime/ort.ts'

class ArrayBlock implements Block {
  #buffer: ArrayBuffer

  constructor(bytes: number) {
    this.#buffer = new ArrayBuffer(bytes)
  }

  get buffer(): ArrayBuffer {
    return this.#buffer
  }

  get bytes(): number {
    return this.#buffer.byteLength
  }

  free(): void {
    this.#buffer = new ArrayBuffer(0)
  }
}

/** Arrays of this process. onnxruntime-node reads and writes them in place. */
export const arrayMemory = (createTensor: Ort['createTensor']): TensorMemory => ({
  hasOffsets: true,
  allocate: (bytes) => new ArrayBlock(bytes),
  tensor: (block, byte, type, shape) => {
    const count = elementCount(shape)
    const { buffer } = own(block)
    const data =
      type === 'float32' ? new Float32Array(buffer, byte, count) : new Uint16Array(buffer, byte, count)
    return createTensor(type, data, shape)
  },
  copy: (moves) => {
    for (const { from, fromByte, to, toByte, bytes } of moves)
      new Uint8Array(own(to).buffer, toByte, bytes).set(new Uint8Array(own(from).buffer, fromByte, bytes))
  },
})

function own(block: Block): ArrayBlock {
  if (block instanceof ArrayBlock) return block
  throw new TypeError('The block is of another memory')
}
