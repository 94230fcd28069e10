import { bytesPerToken, type KvSpec } from '../../../../models/core/kv-spec.ts'
import type { Block, Move, OrtTensor, TensorMemory } from '../../runtime/ort.ts'

/** The memory of a pool of blocks: for keys and for values of each layer `[blocks, block size, heads, headDim]`. */
export class BlockMemory {
  readonly #memory: TensorMemory
  readonly #spec: KvSpec
  readonly #blockSize: number
  #buffers: readonly Block[] = []
  #tensors: readonly OrtTensor[] = []
  /** A GPU copies nothing within a buffer. */
  #between: Block | undefined

  constructor(memory: TensorMemory, spec: KvSpec, blockSize: number) {
    this.#memory = memory
    this.#spec = spec
    this.#blockSize = blockSize
  }

  /** Keys and values by layer. */
  get tensors(): readonly OrtTensor[] {
    return this.#tensors
  }

  /** Bytes of a block in all layers. */
  get bytesPerBlock(): number {
    return this.#blockSize * bytesPerToken(this.#spec)
  }

  /**
   * Memory for so many blocks. The first `kept` of them hold what they held.
   * @throws Error where there is no memory left; all is as before then.
   */
  resize(blocks: number, kept: number): void {
    const { layers, heads, headDim, type } = this.#spec
    const bytes = this.#blockBytes
    const buffers: Block[] = []
    try {
      while (buffers.length < 2 * layers) buffers.push(this.#memory.allocate(blocks * bytes))
    } catch (cause) {
      for (const buffer of buffers) buffer.free()
      throw cause
    }
    if (kept > 0) this.#memory.copy(this.#movesTo(buffers, kept * bytes))
    for (const buffer of this.#buffers) buffer.free()
    this.#buffers = buffers
    const shape = [blocks, this.#blockSize, heads, headDim]
    this.#tensors = buffers.map((buffer) => this.#memory.tensor(buffer, 0, type, shape))
  }

  /** Copies a block's tokens to another. */
  copy(from: number, to: number): void {
    const bytes = this.#blockBytes
    this.#between ??= this.#memory.allocate(bytes)
    const between = this.#between
    this.#memory.copy(
      this.#buffers.flatMap((buffer) => [
        { from: buffer, fromByte: from * bytes, to: between, toByte: 0, bytes },
        { from: between, fromByte: 0, to: buffer, toByte: to * bytes, bytes },
      ]),
    )
  }

  free(): void {
    for (const buffer of this.#buffers) buffer.free()
    this.#between?.free()
    this.#buffers = []
    this.#tensors = []
    this.#between = undefined
  }

  /** Bytes of a block in the keys, or the values, of one layer. */
  get #blockBytes(): number {
    return this.bytesPerBlock / (2 * this.#spec.layers)
  }

  #movesTo(buffers: readonly Block[], bytes: number): Move[] {
    return this.#buffers.flatMap((from, index) => {
      const to = buffers[index]
      return to ? [{ from, fromByte: 0, to, toByte: 0, bytes }] : []
    })
  }
}
