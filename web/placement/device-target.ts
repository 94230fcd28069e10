import {
  type Backend,
  type Manifest,
  type PlacementReason,
  SpillwayError,
  type Variant,
  variantsFor,
} from '../../models/core/index.ts'
import type { Capacity } from '../device/capacity/capacity.ts'

/** Backends of the device, best first. */
const deviceBackends = ['webgpu', 'wasm'] as const satisfies readonly Backend[]
export type DeviceBackend = (typeof deviceBackends)[number]

/** Where on the device a model can run. */
export interface Candidate {
  readonly backend: DeviceBackend
  readonly variant: Variant
}

/** How the device would run the model. */
export interface DeviceTarget extends Candidate {
  readonly explanation: string
}

/** Why it cannot. */
export interface Ineligible {
  readonly reason: PlacementReason
  readonly explanation: string
  readonly error: SpillwayError
}

/** A place where the model failed a short while ago. */
export interface Failure extends Candidate {
  /** What is avoided for it: that variant, all that need as much memory, the backend, or the device. */
  readonly reach: 'variant' | 'memory' | 'backend' | 'device'
  readonly why: string
}

/** Milliseconds that one row took on this device, by `placeKey`, where they were measured. */
export type Speeds = Readonly<Record<string, number>>

/** What is known of a model on this device. */
export interface Known {
  readonly failed: readonly Failure[]
  readonly speeds: Speeds
}

export const placeKey = ({ backend, variant }: Candidate) => `${backend}/${variant.id}`

/** A variant has to be so much faster than a better one to be preferred to it: measurements swing. */
const clearlyFaster = 0.9

/** The best backend that the device has, and on it the variant to run; or what stands in the way. */
export function selectDeviceTarget(
  capacity: Capacity,
  manifest: Manifest,
  known: Known,
): DeviceTarget | Ineligible {
  if (!capacity.wasm.simd) {
    return ineligible('device-without-simd', 'WebAssembly with SIMD', 'a browser without it')
  }
  const backends = deviceBackends.filter((backend) => backend === 'wasm' || hasGpu(capacity))
  const made = backends.flatMap((backend) =>
    variantsFor(manifest, backend).map((variant): Candidate => ({ backend, variant })),
  )
  if (made.length === 0) {
    const wanted = new Set(manifest.variants.flatMap(({ backends = [] }) => backends))
    return ineligible('variant-missing', [...wanted].join(' or '), backends.join(', '))
  }
  const fitting = made.filter(({ variant }) => variant.memory <= capacity.memoryBudget)
  if (fitting.length === 0) {
    const least = Math.min(...made.map(({ variant }) => variant.memory))
    return ineligible(
      'model-too-large',
      `${mebibytes(least)} of memory for the model`,
      mebibytes(capacity.memoryBudget),
    )
  }
  const sound = fitting.filter((place) => !known.failed.some((failure) => reaches(failure, place)))
  const [first] = sound
  if (!first) {
    const { why = 'unknown', reach } = known.failed.at(-1) ?? {}
    const isFull = reach === 'device'
    return {
      ...ineligible(isFull ? 'spill' : 'device-failed', 'a session on the device', why),
      explanation: `The device ${isFull ? 'has no room' : 'failed'}: ${why}`,
    }
  }
  const best = fastest(
    sound.filter(({ backend }) => backend === first.backend),
    first,
    known.speeds,
  )
  return {
    ...best,
    explanation: `${whyBackend(best, capacity, known.failed)}${whyVariant(best, first, known)}`,
  }
}

const hasGpu = ({ gpu }: Capacity) => gpu !== null && !gpu.software

function reaches({ backend, variant, reach }: Failure, place: Candidate): boolean {
  if (reach === 'device') return true
  if (backend !== place.backend) return false
  if (reach === 'backend') return true
  return reach === 'memory' ? place.variant.memory >= variant.memory : place.variant.id === variant.id
}

/** In the manifest's order; a later one only where both were measured and it is clearly faster. */
function fastest(places: readonly Candidate[], first: Candidate, speeds: Speeds): Candidate {
  let best = first
  for (const place of places) {
    const [ms, least] = [speeds[placeKey(place)], speeds[placeKey(best)]]
    if (ms !== undefined && least !== undefined && ms < least * clearlyFaster) best = place
  }
  return best
}

function whyBackend({ backend }: Candidate, { gpu, wasm: { threads } }: Capacity, failed: Known['failed']) {
  if (backend === 'webgpu') return `The device has a GPU (${gpu?.vendor || 'unnamed'})`
  const how = threads === 1 ? 'WebAssembly on one thread' : `WebAssembly on ${threads} threads`
  const failure = failed.find((one) => one.backend === 'webgpu')
  if (failure) return `WebGPU failed (${failure.why}), so ${how}`
  if (!gpu) return `The device has no WebGPU, so ${how}`
  return gpu.software
    ? `The WebGPU adapter is software, so ${how}`
    : `No variant was made for the GPU, so ${how}`
}

function whyVariant({ backend, variant }: Candidate, first: Candidate, { failed, speeds }: Known): string {
  const failure = failed.find(
    (one) => one.backend === backend && (one.reach === 'variant' || one.reach === 'memory'),
  )
  if (failure) return `; "${failure.variant.id}" failed there (${failure.why}), so "${variant.id}"`
  if (variant === first.variant) return ''
  const [ms, other] = [speeds[placeKey({ backend, variant })], speeds[placeKey(first)]]
  return `; "${variant.id}" took ${ms?.toFixed(1)} ms a row here, "${first.variant.id}" ${other?.toFixed(1)} ms`
}

const ineligible = (reason: PlacementReason, expected: string, got: string): Ineligible => ({
  reason,
  explanation: `The model needs ${expected}; the device has ${got}`,
  error: new SpillwayError('capacity_insufficient', 'The device cannot run the model', {
    expected,
    got,
    hint: 'Allow the server: policy "auto", and a runtime with a server.',
  }),
})

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
