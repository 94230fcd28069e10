import type { DecoderSession, OrtTensor } from '../engine/ort.ts'

/** A stretch of memory where the model runs. */
export interface Block {
  readonly bytes: number
  free(): void
}

export interface Move {
  readonly from: Block
  readonly fromByte: number
  readonly to: Block
  readonly toByte: number
  readonly bytes: number
}

/** Memory that a run reads and writes in place. A run reads no place that was not written, so it may hold anything. */
export interface TensorMemory {
  /** The session as it runs on tensors of this memory, where its own `run` would copy them. */
  readonly session?: DecoderSession
  /** Whether a tensor may begin inside a block. */
  readonly hasOffsets: boolean
  allocate(bytes: number): Block
  tensor(block: Block, byte: number, type: 'float32' | 'float16', shape: readonly number[]): OrtTensor
  copy(moves: readonly Move[]): void
}
