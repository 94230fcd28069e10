/** Who runs it: the visitor's device, or the server behind the page. */
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
 * The page's rule for placements: `auto` decides by capacity and load; `device` and `server` allow one tier;
 * `prefer-device` and `prefer-server` fall back to the other.
 *
 * @useDeclaredType
 */
export type Policy = (typeof policies)[number]

export const placementReasons = [
  /** The policy allows this tier only. */
  'policy',
  /** The policy prefers this tier and it can run the model. */
  'preferred',
  /** Policy `auto`: the device can run the model. */
  'device-capable',
  /** The device cannot run any model: no WebAssembly with SIMD. */
  'device-without-simd',
  /** No variant of the model was made for a backend that the device has. */
  'variant-missing',
  /** The model needs more memory than the device has to give. */
  'model-too-large',
  /** The model's files or its session could not be had on the device. */
  'device-failed',
  /** Policy `auto`: the device still loads the model, the server answers meanwhile. */
  'bridge',
  /** The device has so much waiting that the server is earlier, or no room for one more request. */
  'spill',
  /** The tier that was asked first was late, so this one was asked, too, and was earlier. */
  'hedge',
  /** The page has no server, or it does not answer. */
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
  /** `unknown`: a server of another make that does not say. */
  readonly backend: Backend | 'unknown'
  readonly variant: string
  readonly reason: PlacementReason
  /** The reason in words, with the figures behind it. */
  readonly explanation: string
}
