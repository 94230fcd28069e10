import type { InferenceSession, InferenceSessionFactory, Tensor as OnnxTensor } from 'onnxruntime-common'
import type { Backend, TensorData, TensorType } from '../../../models/core/index.ts'
import type { TensorMemory } from '../kv/tensor-memory.ts'

export type OrtSession = InferenceSession
export type OrtTensor = OnnxTensor

/** A session as far as decoding uses it. */
export interface DecoderSession extends Pick<OrtSession, 'inputNames' | 'outputNames' | 'outputMetadata'> {
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor | null>>,
  ): Promise<Readonly<Record<string, OrtTensor>>>
}

/** What the engine needs of ONNX Runtime; each entry point makes one from the package of its realm. */
export interface Ort {
  readonly version: string
  /** Backends that this build of the runtime has; the device may still lack what one needs. */
  readonly backends: readonly Backend[]
  readonly InferenceSession: InferenceSessionFactory
  createTensor(type: TensorType, data: TensorData, shape: readonly number[]): OrtTensor
  /** @throws SpillwayError `lane_failed` where the backend cannot be had here. */
  sessionOptions(backend: Backend): Promise<InferenceSession.SessionOptions>
  /** Memory that the session's runs on the backend write into where it lies, if this realm has some. */
  memory(backend: Backend, session: OrtSession): Promise<TensorMemory | undefined>
  /** Asked when something failed: why this lane's device is gone, where it is. It may take a moment to be seen. */
  lost(): Promise<string | undefined>
}
