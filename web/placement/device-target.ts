import { type Manifest, type PlacementReason, SpillwayError, variantsFor } from '../../models/core/index.ts'
import type { Capacity } from '../device/capacity.ts'
import { orderBackends } from './backend-order.ts'
import {
  type Candidate,
  type Costs,
  candidateKey,
  clearlyFaster,
  type DeviceKnowledge,
  type Failure,
  halfFloats,
  hasGpu,
  lacksHalfFloats,
  processorOf,
} from './candidate.ts'
import { explainTarget } from './explain-target.ts'

/** A candidate that the device would run. */
export interface DeviceTarget extends Candidate {
  readonly explanation: string
}

/** The target that the device would run. */
export interface DevicePlan extends DeviceTarget {
  /** The target on the other backend, where that may answer some requests sooner. */
  readonly second?: DeviceTarget
}

/** Why no candidate can be run. */
export interface Ineligible {
  readonly reason: PlacementReason
  readonly explanation: string
  readonly error: SpillwayError
  /** The best candidate all the same, where only recent failures rule it out: tried when nothing else is left. */
  readonly retry?: DeviceTarget
}

/**
 * The variant to run on each backend that the device has, in order, or the reason why there is none. The first variant
 * of the manifest is chosen, unless a later one was measured to be clearly faster. Pure.
 */
export function selectDeviceTarget(
  capacity: Capacity,
  manifest: Manifest,
  knowledge: DeviceKnowledge,
): DevicePlan | Ineligible {
  if (!capacity.cpu && !capacity.wasm.simd) {
    return ineligible('device-without-simd', 'WebAssembly with SIMD', 'a browser without it')
  }
  if (!capacity.workers) {
    return ineligible(
      'device-without-workers',
      'workers',
      'a place that starts none, such as a service worker or a program without lanes',
    )
  }
  const processor = processorOf(capacity)
  const backends = hasGpu(capacity) ? (['webgpu', processor] as const) : [processor]
  const made = backends.flatMap((backend) =>
    variantsFor(manifest, backend).map((variant): Candidate => ({ backend, variant })),
  )
  if (manifest.variants.length === 0) return ineligible('variant-missing', 'a server', 'none of its files')
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
  const { failures } = knowledge
  const usable = fitting.filter((candidate) => !failures.some((failure) => rulesOut(failure, candidate)))
  return planOf(capacity, manifest, usable, knowledge) ?? allFailed(capacity, manifest, fitting, failures)
}

function rulesOut({ backend, variant, avoid }: Failure, candidate: Candidate): boolean {
  if (avoid === 'device') return true
  if (backend !== candidate.backend) return false
  if (avoid === 'backend') return true
  return avoid === 'memory' ? candidate.variant.memory >= variant.memory : candidate.variant.id === variant.id
}

function allFailed(
  capacity: Capacity,
  manifest: Manifest,
  fitting: readonly Candidate[],
  failures: readonly Failure[],
): Ineligible {
  const { message = 'unknown', avoid } = failures.at(-1) ?? {}
  const isFull = avoid === 'device'
  const final = failures.filter((failure) => failure.final)
  const mayWork = fitting.filter((candidate) => !final.some((failure) => rulesOut(failure, candidate)))
  const retry = isFull ? undefined : planOf(capacity, manifest, mayWork, { failures: [], costs: {} })
  const { reason, error } = ineligible(isFull ? 'spill' : 'device-failed', 'a session on the device', message)
  return {
    reason,
    error: (mayWork.length === 0 && final.at(-1)?.final) || error,
    explanation: `The device ${isFull ? 'is full' : 'failed'}: ${message}`,
    ...(retry && { retry }),
  }
}

/** The best of the candidates on each backend, in order; undefined where there is no candidate. */
function planOf(
  capacity: Capacity,
  manifest: Manifest,
  candidates: readonly Candidate[],
  knowledge: DeviceKnowledge,
): DevicePlan | undefined {
  const preferredOn = (backend: Candidate['backend']) => candidates.find((one) => one.backend === backend)
  const [gpu, wasm] = (['webgpu', processorOf(capacity)] as const).map((backend) =>
    fastest(
      candidates.filter((one) => one.backend === backend),
      knowledge.costs,
    ),
  )
  const order = gpu && wasm && orderBackends({ gpu, wasm }, manifest, capacity.memoryBudget, knowledge.costs)
  const target = (candidate: Candidate): DeviceTarget => {
    const preferred = preferredOn(candidate.backend) ?? candidate
    const context = { capacity, manifest, knowledge, preferred, order }
    return { ...candidate, explanation: explainTarget(candidate, context) }
  }
  const first = order?.first ?? gpu ?? wasm
  if (!first) return undefined
  return { ...target(first), ...(order?.usesOther && { second: target(order.other) }) }
}

function fastest(candidates: readonly Candidate[], costs: Costs): Candidate | undefined {
  let [best] = candidates
  for (const candidate of candidates) {
    const [ms, bestMs] = [candidate, best].map((one) => one && costs[candidateKey(one)]?.predict(1))
    if (ms !== undefined && bestMs !== undefined && ms < bestMs * clearlyFaster) best = candidate
  }
  return best
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
