import { simd } from 'wasm-feature-detect'
import type { Clock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Capacity, GpuCapacity } from './capacity.ts'

const gibibyte = 2 ** 30

/** Milliseconds that one question to the browser may take before its answer counts as no. */
const timeoutMs = 5_000

/** Asks the browser once. What it does not tell, or tells too late, is taken as absent. */
export async function probeCapacity(clock: Clock): Promise<Capacity> {
  const ask = <T>(question: string, answer: Promise<T>): Promise<T | null> =>
    withTimeout(
      clock,
      timeoutMs,
      answer,
      () => new SpillwayError('internal', `No answer about ${question}`),
    ).catch(() => null)
  const [gpu, hasSimd, storage] = await Promise.all([
    ask('WebGPU', probeGpu()),
    ask('SIMD', hasWasm() ? simd() : Promise.resolve(false)),
    ask('storage', probeStorage()),
  ])
  return {
    gpu,
    wasm: { simd: hasSimd ?? false, jspi: hasJspi(), threads: laneThreads() },
    memoryBudget: memoryBudget(),
    storage,
  }
}

async function probeGpu(): Promise<GpuCapacity | null> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return null
  // Older browsers tell nothing of their adapter.
  const { vendor = '', architecture = '', description = '', isFallbackAdapter = false } = adapter.info ?? {}
  return {
    vendor,
    architecture,
    software:
      isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(`${architecture} ${description}`),
    features: [...adapter.features],
    maxBufferSize: adapter.limits.maxBufferSize,
    maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
  }
}

async function probeStorage() {
  const estimate = await navigator.storage?.estimate()
  return estimate ? { quota: estimate.quota ?? 0, usage: estimate.usage ?? 0 } : null
}

// Lockdown modes take WebAssembly away whole.
const hasWasm = () => typeof WebAssembly === 'object'
const hasJspi = () => hasWasm() && 'Suspending' in WebAssembly

/** Half the cores, four at most: past that small models get slower, and the page needs one for itself. */
export function laneThreads(): number {
  if (!crossOriginIsolated) return 1
  return Math.min(4, Math.max(1, Math.ceil(navigator.hardwareConcurrency / 2)))
}

/** A quarter of the memory, within WebAssembly's 4 GiB. Only Chromium tells it (8 GiB at most); others are taken for 4 GiB. */
export function memoryBudget(): number {
  const { deviceMemory = 4 } = navigator as Navigator & { readonly deviceMemory?: number }
  return Math.min(4, deviceMemory / 4) * gibibyte
}
