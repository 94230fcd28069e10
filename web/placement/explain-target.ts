import { type Manifest, variantsFor } from '../../models/core/index.ts'
import type { Capacity } from '../device/capacity.ts'
import { type BackendOrder, mostRows } from './backend-order.ts'
import {
  type Candidate,
  candidateKey,
  type DeviceBackend,
  type DeviceKnowledge,
  halfFloats,
  hasGpu,
  lacksHalfFloats,
} from './candidate.ts'

interface TargetContext {
  readonly capacity: Capacity
  readonly manifest: Manifest
  readonly knowledge: DeviceKnowledge
  /** The manifest's first usable candidate on the target's backend. */
  readonly preferred: Candidate
  /** Where both backends can run the model. */
  readonly order: BackendOrder | undefined
}

/** Why a candidate is a target of the device. */
export const explainTarget = (target: Candidate, context: TargetContext): string =>
  (explainOrder(target, context) ?? explainBackend(target, context)) +
  explainVariant(target, context) +
  explainSkipped(target, context)

/** A backend, and the milliseconds in which it would answer. */
interface BackendTime {
  readonly backend: DeviceBackend
  readonly ms: number
}

/** The figures by which one backend is chosen and the other is not. */
export const explainTimes = (rows: number, chosen: BackendTime, other: BackendTime): string =>
  `${nameOf(chosen.backend)} answers ${showRows(rows)} in ${showMs(chosen.ms)} here, ${nameOf(other.backend)} in ${showMs(other.ms)}`

const nameOf = (backend: DeviceBackend) => (backend === 'webgpu' ? 'WebGPU' : 'WebAssembly')
const showRows = (rows: number) => `${rows} ${rows === 1 ? 'row' : 'rows'}`
const showMs = (ms: number) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`

function explainOrder(
  target: Candidate,
  { order, capacity, manifest, knowledge }: TargetContext,
): string | undefined {
  if (!order || order.because === 'gpu') return undefined
  const [how, gpu] = [wasmOf(capacity), gpuOf(capacity)]
  if (order.because === 'small') {
    return target.backend === 'wasm'
      ? `The model is small, so ${how} before the GPU (${gpu})`
      : `The device has a GPU (${gpu}), tried beside WebAssembly`
  }
  const most = mostRows(manifest)
  const other = target === order.first ? order.other : order.first
  const time = (candidate: Candidate, rows: number): BackendTime => ({
    backend: candidate.backend,
    ms: knowledge.costs[candidateKey(candidate)]?.predict(rows) ?? 0,
  })
  if (order.because === 'fast')
    return `${how} answers ${showRows(most)} in ${showMs(time(target, most).ms)} here, before a GPU's answer could be read`
  const rows = time(target, 1).ms <= time(other, 1).ms ? 1 : most
  return explainTimes(rows, time(target, rows), time(other, rows))
}

function explainBackend({ backend }: Candidate, { capacity, knowledge }: TargetContext): string {
  if (backend === 'webgpu') return `The device has a GPU (${gpuOf(capacity)})`
  if (backend === 'cpu') return 'This program has lanes on the CPU'
  const how = wasmOf(capacity)
  const failure = knowledge.failures.find((one) => one.backend === 'webgpu')
  if (failure) return `WebGPU failed (${failure.message}), so ${how}`
  const { gpu } = capacity
  if (!gpu) return `The device has no WebGPU, so ${how}`
  return gpu.software ? `The WebGPU adapter is software, so ${how}` : `No variant fits the GPU, so ${how}`
}

const gpuOf = ({ gpu }: Capacity) => gpu?.vendor || 'unnamed'

const wasmOf = ({ wasm: { threads } }: Capacity) =>
  threads === 1 ? 'WebAssembly on one thread' : `WebAssembly on ${threads} threads`

function explainVariant(
  { backend, variant }: Candidate,
  { preferred, knowledge: { failures, costs } }: TargetContext,
): string {
  const failure = failures.find(
    (one) => one.backend === backend && (one.avoid === 'variant' || one.avoid === 'memory'),
  )
  if (failure) return `; "${failure.variant.id}" failed there (${failure.message}), so "${variant.id}"`
  if (variant === preferred.variant) return ''
  const [ms, preferredMs] = [{ backend, variant }, preferred].map((one) =>
    costs[candidateKey(one)]?.predict(1).toFixed(1),
  )
  return `; "${variant.id}" took ${ms} ms a row here, "${preferred.variant.id}" ${preferredMs} ms`
}

/** Names the variants of half floats that come before the target, and that the GPU cannot run. */
function explainSkipped(target: Candidate, { capacity, manifest }: TargetContext): string {
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
