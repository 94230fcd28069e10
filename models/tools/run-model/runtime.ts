import { halvesToFloats } from '../../core/half.ts'
import type { Tensor } from '../../core/tensor.ts'

/** Inputs or outputs of a run, by name. */
export type Tensors = Readonly<Record<string, Tensor>>

export const backends = ['cpu', 'wasm', 'webgpu'] as const
export type ToolBackend = (typeof backends)[number]

export interface LoadOptions {
  readonly backend: ToolBackend
  readonly threads: number
}

/** The type of an output, as the runtime infers it. */
export interface OutputType {
  readonly name: string
  /** Undefined where the output is not a tensor. */
  readonly type?: string
  /** An open dimension is its name, or empty. Also empty where the rank is not known. */
  readonly shape: readonly (number | string)[]
}

/** A loaded model. */
export interface Runnable {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly outputTypes: readonly OutputType[]
  /** @throws SpillwayError `run_failed`. */
  run(inputs: Tensors): Promise<Tensors>
  release(): Promise<void>
}

/** Runs models for measurements. Tools know no more of ONNX Runtime than this. */
export interface Runtime {
  /** @throws SpillwayError `model_invalid`, or `capacity_insufficient` where this machine lacks the backend. */
  load(path: string, options: LoadOptions): Promise<Runnable>
}

/** A tensor's elements as floats, for any type. */
export function toFloats({ type, data }: Tensor): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data
  if (type === 'float16' && data instanceof Uint16Array) return halvesToFloats(data)
  const floats = new Float64Array(data.length)
  for (let index = 0; index < data.length; index++) floats[index] = Number(data[index])
  return floats
}
