import { simd } from 'wasm-feature-detect'
import type { Clock } from '../../models/async/clock.ts'
import { withTimeout } from '../../models/async/timeouts.ts'
import { SpillwayError } from '../../models/core/index.ts'

/** The capacity of the device, as far as the browser reports it. */
export interface Capacity {
  /** `null`: the browser has no WebGPU or gives no adapter. */
  readonly gpu: GpuCapacity | null
  readonly wasm: {
    readonly simd: boolean
    /** WebAssembly can wait for promises (JSPI), so the smaller build of ONNX Runtime works. */
    readonly jspi: boolean
    /** The most threads of one lane; one where the page is not cross-origin isolated. */
    readonly threads: number
  }
  /** Of a program with lanes, which have ONNX Runtime's native code in place of WebAssembly: the most threads of one lane. */
  readonly cpu?: { readonly threads: number }
  /** Whether workers can be started from here, which lanes are. Service workers start none. */
  readonly workers: boolean
  /** Bytes that a model may take in a lane: an estimate, since no browser reports the real figure. */
  readonly memoryBudget: number
  /** Bytes that the origin may store and has stored: none where site data is blocked. `null`: the browser does not report them. */
  readonly storage: { readonly quota: number; readonly usage: number } | null
}

/** The WebGPU adapter of the device. */
export interface GpuCapacity {
  /** As the adapter reports it; empty where it reports none. */
  readonly vendor: string
  readonly architecture: string
  /** The adapter runs on the CPU. Small models are about a thousand times slower than in WebAssembly, so it counts as no GPU. */
  readonly software: boolean
  /** WebGPU feature names, such as `shader-f16`. */
  readonly features: readonly string[]
  /** The most bytes of one buffer. */
  readonly maxBufferSize: number
  /** The most bytes of a buffer that a shader reads. */
  readonly maxStorageBufferBindingSize: number
}

const gibibyte = 2 ** 30

/** Milliseconds after which an unanswered query of the browser counts as unsupported. */
const timeoutMs = 5_000

/**
 * Queries the browser. Whatever it does not report, or reports too late, counts as absent.
 *
 * @param memoryBudget Bytes that a model may take in a lane.
 * @param canStore Whether the browser lets the page store anything: Firefox reports gigabytes where site data is blocked.
 */
export async function probeCapacity(
  clock: Clock,
  memoryBudget: number,
  canStore: () => Promise<boolean>,
): Promise<Capacity> {
  const query = <T>(subject: string, answer: Promise<T>): Promise<T | null> =>
    withTimeout(
      clock,
      timeoutMs,
      answer,
      () => new SpillwayError('internal', `The browser did not answer the query of ${subject}`),
    ).catch(() => null)
  const [gpu, hasSimd, storage] = await Promise.all([
    query('WebGPU', probeGpu()),
    query('SIMD', hasWasm() ? simd() : Promise.resolve(false)),
    query('storage', probeStorage(canStore)),
  ])
  return {
    gpu,
    wasm: { simd: hasSimd ?? false, jspi: hasJspi(), threads: laneThreads() },
    workers: typeof Worker === 'function',
    memoryBudget,
    storage,
  }
}

async function probeGpu(): Promise<GpuCapacity | null> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return null
  // Older browsers report nothing about their adapter.
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

async function probeStorage(canStore: () => Promise<boolean>) {
  const [isStorable, estimate] = await Promise.all([canStore(), navigator.storage?.estimate()])
  if (!isStorable) return { quota: 0, usage: 0 }
  return estimate ? { quota: estimate.quota ?? 0, usage: estimate.usage ?? 0 } : null
}

// Lockdown modes remove WebAssembly altogether.
const hasWasm = () => typeof WebAssembly === 'object'
const hasJspi = () => hasWasm() && 'Suspending' in WebAssembly

/** Half the cores, at most four: with more, small models get slower, and the page needs a core for itself. */
export function laneThreads(): number {
  // WebKitGTK has no shared memory even where it says that the page is isolated.
  if (!crossOriginIsolated || typeof SharedArrayBuffer === 'undefined') return 1
  return Math.min(4, Math.max(1, Math.ceil(navigator.hardwareConcurrency / 2)))
}

/**
 * A quarter of the device's memory in bytes, at most WebAssembly's 4 GiB. Only Chromium reports the memory (8 GiB at
 * most); elsewhere 4 GiB are assumed.
 */
export function memoryBudget(): number {
  // Node 20, where pages may be rendered, has no `navigator`.
  const navigator = globalThis.navigator as { readonly deviceMemory?: number } | undefined
  const deviceMemory = navigator?.deviceMemory ?? 4
  return Math.min(4, deviceMemory / 4) * gibibyte
}
