import {
  type Backend,
  type Manifest,
  type PlacementReason,
  SpillwayError,
  type Variant,
  variantsFor,
} from '../../models/core/index.ts'
import type { Capacity } from '../device/capacity.ts'

/** Backends of the device, best first. */
const deviceBackends = ['webgpu', 'wasm'] as const satisfies readonly Backend[]
export type DeviceBackend = (typeof deviceBackends)[number]

/** A backend of the device and a variant made for it. */
export interface Candidate {
  readonly backend: DeviceBackend
  readonly variant: Variant
}

/** The candidate that the device would run. */
export interface DeviceTarget extends Candidate {
  readonly explanation: string
}

/** Why no candidate can be run. */
export interface Ineligible {
  readonly reason: PlacementReason
  readonly explanation: string
  readonly error: SpillwayError
  /** The best candidate all the same, where only recent failures rule it out: tried when nothing else is left. */
  readonly retry?: DeviceTarget
}

/** A failed candidate. */
export interface Failure extends Candidate {
  /** The candidates to avoid: this variant, all that need as much memory, the backend, or the whole device. */
  readonly avoid: 'variant' | 'memory' | 'backend' | 'device'
  readonly message: string
}

/** Measured milliseconds per row on this device, by `candidateKey`. */
export type Speeds = Readonly<Record<string, number>>

/** Knowledge about a model on this device. */
export interface DeviceKnowledge {
  readonly failures: readonly Failure[]
  readonly speeds: Speeds
}

export const candidateKey = ({ backend, variant }: Candidate) => `${backend}/${variant.id}`

/** Measurements vary, so a later variant is chosen only if it takes less than this share of the first one's time. */
const clearlyFaster = 0.9

/**
 * The variant to run on the best backend that the device has, or the reason why there is none. The first variant of
 * the manifest is chosen, unless a later one was measured to be clearly faster. Pure.
 */
export function selectDeviceTarget(
  capacity: Capacity,
  manifest: Manifest,
  { failures, speeds }: DeviceKnowledge,
): DeviceTarget | Ineligible {
  if (!capacity.wasm.simd) {
    return ineligible('device-without-simd', 'WebAssembly with SIMD', 'a browser without it')
  }
  const backends = deviceBackends.filter((backend) => backend === 'wasm' || hasGpu(capacity))
  const made = backends.flatMap((backend) =>
    variantsFor(manifest, backend).map((variant): Candidate => ({ backend, variant })),
  )
  if (made.length === 0) {
    const needed = new Set(manifest.variants.flatMap(({ backends = [] }) => backends))
    return ineligible('variant-missing', [...needed].join(' or '), backends.join(', '))
  }
  const supported = made.filter((candidate) => !lacksHalfFloats(capacity, candidate))
  if (supported.length === 0)
    return ineligible('variant-missing', `a GPU with ${halfFloats}`, `a GPU without ${halfFloats}`)
  const fitting = supported.filter(({ variant }) => variant.memory <= capacity.memoryBudget)
  if (fitting.length === 0) {
    const least = Math.min(...supported.map(({ variant }) => variant.memory))
    return ineligible(
      'model-too-large',
      `${mebibytes(least)} of memory for the model`,
      mebibytes(capacity.memoryBudget),
    )
  }
  const usable = fitting.filter((candidate) => !failures.some((failure) => rulesOut(failure, candidate)))
  const [first] = usable
  if (!first) return allFailed(capacity, fitting, { failures, speeds })
  const target = bestTarget(capacity, usable, first, { failures, speeds })
  return { ...target, explanation: target.explanation + explainSkipped(capacity, manifest, target) }
}

/** The WebGPU feature by which shaders compute in half floats. */
const halfFloats = 'shader-f16'

/** Whether the GPU cannot compile the shaders of a variant of half floats. */
const lacksHalfFloats = ({ gpu }: Capacity, { backend, variant: { precision } }: Candidate): boolean =>
  backend === 'webgpu' &&
  (precision === 'fp16' || precision === 'q4f16') &&
  gpu?.features.includes(halfFloats) !== true

/** Names the variants of half floats that come before the target, and that the GPU cannot run. */
function explainSkipped(capacity: Capacity, manifest: Manifest, target: Candidate): string {
  if (!hasGpu(capacity)) return ''
  const candidates = variantsFor(manifest, 'webgpu').map(
    (variant): Candidate => ({ backend: 'webgpu', variant }),
  )
  const end = candidates.findIndex((candidate) => candidateKey(candidate) === candidateKey(target))
  const skipped = (end < 0 ? candidates : candidates.slice(0, end))
    .filter((candidate) => lacksHalfFloats(capacity, candidate))
    .map(({ variant }) => `"${variant.id}"`)
  return skipped.length === 0
    ? ''
    : `; the GPU has no ${halfFloats}, which ${skipped.join(' and ')} would need`
}

const hasGpu = ({ gpu }: Capacity) => gpu !== null && !gpu.software

function rulesOut({ backend, variant, avoid }: Failure, candidate: Candidate): boolean {
  if (avoid === 'device') return true
  if (backend !== candidate.backend) return false
  if (avoid === 'backend') return true
  return avoid === 'memory' ? candidate.variant.memory >= variant.memory : candidate.variant.id === variant.id
}

function allFailed(
  capacity: Capacity,
  fitting: readonly Candidate[],
  { failures, speeds }: DeviceKnowledge,
): Ineligible {
  const { message = 'unknown', avoid } = failures.at(-1) ?? {}
  const isFull = avoid === 'device'
  const [first] = fitting
  return {
    ...ineligible(isFull ? 'spill' : 'device-failed', 'a session on the device', message),
    explanation: `The device ${isFull ? 'is full' : 'failed'}: ${message}`,
    ...(first && !isFull && { retry: bestTarget(capacity, fitting, first, { failures: [], speeds }) }),
  }
}

function bestTarget(
  capacity: Capacity,
  candidates: readonly Candidate[],
  first: Candidate,
  knowledge: DeviceKnowledge,
): DeviceTarget {
  const sameBackend = candidates.filter(({ backend }) => backend === first.backend)
  const best = fastest(sameBackend, first, knowledge.speeds)
  return {
    ...best,
    explanation: explainBackend(best, capacity, knowledge) + explainVariant(best, first, knowledge),
  }
}

function fastest(candidates: readonly Candidate[], first: Candidate, speeds: Speeds): Candidate {
  let best = first
  for (const candidate of candidates) {
    const [ms, bestMs] = [speeds[candidateKey(candidate)], speeds[candidateKey(best)]]
    if (ms !== undefined && bestMs !== undefined && ms < bestMs * clearlyFaster) best = candidate
  }
  return best
}

function explainBackend(
  { backend }: Candidate,
  { gpu, wasm: { threads } }: Capacity,
  { failures }: DeviceKnowledge,
): string {
  if (backend === 'webgpu') return `The device has a GPU (${gpu?.vendor || 'unnamed'})`
  const how = threads === 1 ? 'WebAssembly on one thread' : `WebAssembly on ${threads} threads`
  const failure = failures.find((one) => one.backend === 'webgpu')
  if (failure) return `WebGPU failed (${failure.message}), so ${how}`
  if (!gpu) return `The device has no WebGPU, so ${how}`
  return gpu.software ? `The WebGPU adapter is software, so ${how}` : `No variant fits the GPU, so ${how}`
}

function explainVariant(
  { backend, variant }: Candidate,
  first: Candidate,
  { failures, speeds }: DeviceKnowledge,
): string {
  const failure = failures.find(
    (one) => one.backend === backend && (one.avoid === 'variant' || one.avoid === 'memory'),
  )
  if (failure) return `; "${failure.variant.id}" failed there (${failure.message}), so "${variant.id}"`
  if (variant === first.variant) return ''
  const [ms, firstMs] = [speeds[candidateKey({ backend, variant })], speeds[candidateKey(first)]]
  return `; "${variant.id}" took ${ms?.toFixed(1)} ms a row here, "${first.variant.id}" ${firstMs?.toFixed(1)} ms`
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
