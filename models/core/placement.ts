/** The visitor's device, or the server behind the page. */
export type Tier = 'device' | 'server'

export const backends = ['webgpu', 'wasm', 'cpu', 'cuda'] as const
/**
 * The execution provider that runs a model.
 *
 * @useDeclaredType
 */
export type Backend = (typeof backends)[number]

export const policies = ['auto', 'device', 'server', 'prefer-device', 'prefer-server'] as const
/**
 * The page's rule for placements:
 * - `auto`: the device, but the server while the device loads the model, where the device would answer much later, and
 *   where it cannot run the model.
 * - `device`: the device only; nothing of a request leaves it.
 * - `server`: the server only.
 * - `prefer-device`: the server only where the device cannot run the model.
 * - `prefer-server`: the device only while the server does not answer.
 *
 * @useDeclaredType
 */
export type Policy = (typeof policies)[number]

export const placementReasons = [
  /** The policy allows this tier only. */
  'policy',
  /** The policy prefers this tier, and it can run the model. */
  'preferred',
  /** Policy `auto`: the device can run the model. */
  'device-capable',
  /** The device can run no model: its WebAssembly has no SIMD. */
  'device-without-simd',
  /** The device can run no model from here: a service worker, and some browsers' shared workers, start no workers. */
  'device-without-workers',
  /** The model has no variant for a backend of the device. */
  'variant-missing',
  /** The model needs more memory than the device can give it. */
  'model-too-large',
  /** The device could not load the model's files or create its session. */
  'device-failed',
  /** Policy `auto`: the server answers while the device loads the model. */
  'bridge',
  /** The device's queue is full, or so long that the server answers earlier. */
  'spill',
  /** The page has no server, or the server does not answer. */
  'server-unavailable',
] as const
/**
 * Why a request ran where it did.
 *
 * @useDeclaredType
 */
export type PlacementReason = (typeof placementReasons)[number]

/** Where a request ran, and why there. */
export interface Placement {
  readonly tier: Tier
  /** `unknown`: a server that does not report its backend. */
  readonly backend: Backend | 'unknown'
  /** The variant's id in the manifest, such as `q4`; `unknown` where the server does not report it. */
  readonly variant: string
  readonly reason: PlacementReason
  /** The reason in words, with its figures. */
  readonly explanation: string
}
