/**
 * The runtime that is injected into a lane, as interfaces: the engine, the decoder and the keys and values know ONNX
 * Runtime only through these. `browser/load-ort.ts` and `node/load-ort.ts` implement them.
 */
import type { InferenceSession, InferenceSessionFactory, Tensor as OnnxTensor } from 'onnxruntime-common'
import type { Backend, TensorData, TensorType } from '../../../models/core/index.ts'
import type { GraphSource } from '../../protocol/lane.ts'
import type { StartFormatWorker } from '../format/messages.ts'
import type { Chooser } from '../sampling/types.ts'

/** Of sessions and runs: the runtime's words would go to a visitor's console, and errors are thrown as well. */
export const quiet: Pick<InferenceSession.RunOptions, 'logSeverityLevel'> = { logSeverityLevel: 4 }

export type OrtSession = InferenceSession
export type OrtTensor = OnnxTensor

export interface Ort {
  readonly version: string
  /** Backends that this build of the runtime has; the device may still lack what one needs. */
  readonly backends: readonly Backend[]
  readonly InferenceSession: InferenceSessionFactory
  createTensor(type: TensorType, data: TensorData, shape: readonly number[]): OrtTensor
  /** Frees the memory of tensors that runs returned. They are not used again. */
  release(tensors: readonly OrtTensor[]): void
  /** @throws SpillwayError `lane_failed` where the backend is not available here. */
  sessionOptions(backend: Backend): Promise<InferenceSession.SessionOptions>
  /**
   * Creates a decoder's session from its graph in a way that spares its runs work. Absent where there is no such way.
   * @param graph The source's bytes. Those of a file are freed.
   * @throws Error where this graph does not allow it: a session of the source as it is may work.
   */
  createDecoderSession?(
    graph: Uint8Array,
    source: GraphSource,
    options: InferenceSession.SessionOptions,
  ): Promise<OrtSession>
  /** The bytes of a file, where sessions are created from files. */
  readFile?(path: string): Promise<Uint8Array>
  /** Memory that the session's runs on the backend read and write in place; undefined where this realm has none. */
  memory(backend: Backend, session: OrtSession): Promise<TensorMemory | undefined>
  /**
   * A chooser of tokens on the GPU, beside the runs there. Absent where this realm has no access to their device.
   * @param type Of the model's logits.
   * @throws Error where the device cannot.
   */
  createChooser?(vocabulary: number, type: 'float32' | 'float16'): Promise<Chooser>
  /** Starts a worker that computes what formats of texts allow. Absent where this realm starts none. */
  readonly startFormatWorker?: StartFormatWorker
  /**
   * Asked after a failure: the reason why this lane's device is lost, or undefined while it works. It may take a
   * moment, because a run can fail before the browser reports the loss.
   *
   * @param cause Why the run or the creation of a session failed: onnxruntime-node reports a loss in no other way.
   */
  lost(cause: unknown): Promise<string | undefined>
}

/** The part of a session that decoding uses. */
export interface DecoderSession extends Pick<OrtSession, 'inputNames' | 'outputNames' | 'outputMetadata'> {
  /** @param fetches For each output the tensor to write into, or null for a new one. */
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor | null>>,
    options?: typeof quiet,
  ): Promise<Readonly<Record<string, OrtTensor>>>
}

/**
 * Memory that a run reads and writes in place. Attention reads no position before it was written, so a new block may
 * hold anything.
 */
export interface TensorMemory {
  /** The session that runs on tensors of this memory, where the runtime's own `run` would copy them. */
  readonly session?: DecoderSession
  /** Whether a tensor may begin inside a block. */
  readonly hasOffsets: boolean
  /**
   * How many scores of one attention head a run may take memory for: its tokens times the room of a slot. Absent where
   * attention keeps no scores.
   */
  readonly mostScores?: number
  /** Whether runs write an output into a tensor of its own that they are given, which is not of this memory. */
  readonly writesOutputs: boolean
  /** @throws Error where there is no memory left. */
  allocate(bytes: number): Block
  /** A tensor over the block, from `byte` on. It lives as long as the block. */
  tensor(block: Block, byte: number, type: 'float32' | 'float16', shape: readonly number[]): OrtTensor
  copy(moves: readonly Move[]): void
}

/** A stretch of memory where the model runs. */
export interface Block {
  readonly bytes: number
  free(): void
}

/** Bytes to copy from one block to another. */
export interface Move {
  readonly from: Block
  readonly fromByte: number
  readonly to: Block
  readonly toByte: number
  readonly bytes: number
}
