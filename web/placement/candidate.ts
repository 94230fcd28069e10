import type { Backend, SpillwayError, Variant } from '../../models/core/index.ts'
import type { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import type { Capacity } from '../device/capacity.ts'

/** A backend of a page's device, which a page may force. */
export type PageBackend = Extract<Backend, 'webgpu' | 'wasm'>

export const deviceBackends = ['webgpu', 'wasm'] as const satisfies readonly PageBackend[]

/** A program with lanes has ONNX Runtime's native code (`cpu`) in place of WebAssembly. */
export type DeviceBackend = PageBackend | 'cpu'

/** A backend of the device and a variant made for it. */
export interface Candidate {
  readonly backend: DeviceBackend
  readonly variant: Variant
}

/** A failed candidate. */
export interface Failure extends Candidate {
  /** The candidates to avoid: this variant, all that need as much memory, the backend, or the whole device. */
  readonly avoid: 'variant' | 'memory' | 'backend' | 'device'
  readonly message: string
  /** The error, where another attempt would only fail again. */
  readonly final?: SpillwayError | undefined
}

/** What runs cost on this device, as it was measured, by `candidateKey`. */
export type Costs = Readonly<Record<string, CostCurve>>

/** Knowledge about a model on this device. */
export interface DeviceKnowledge {
  readonly failures: readonly Failure[]
  readonly costs: Costs
}

export const candidateKey = ({ backend, variant }: Candidate) => `${backend}/${variant.id}`

/** Measurements vary: a later variant, or another backend, is faster only where it takes less than this share of the time. */
export const clearlyFaster = 0.9

/** The backend by which the device's processor runs models. */
export const processorOf = ({ cpu }: Capacity): DeviceBackend => (cpu ? 'cpu' : 'wasm')

export const hasGpu = ({ gpu }: Capacity): boolean => gpu !== null && !gpu.software

/** The WebGPU feature by which shaders compute in half floats. */
export const halfFloats = 'shader-f16'

/** Whether the GPU cannot compile the shaders of a variant of half floats. */
export const lacksHalfFloats = (
  { gpu }: Capacity,
  { backend, variant: { precision, kvType } }: { readonly backend: Backend; readonly variant: Variant },
): boolean =>
  backend === 'webgpu' &&
  (precision === 'fp16' || precision === 'q4f16' || kvType === 'float16') &&
  gpu?.features.includes(halfFloats) !== true
