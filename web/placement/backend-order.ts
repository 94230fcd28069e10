import type { Manifest } from '../../models/core/index.ts'
import type { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import { type Candidate, type Costs, candidateKey, clearlyFaster } from './candidate.ts'

/** The candidates of a device with a GPU, one a backend. */
export interface BackendOrder {
  /** Loaded first. */
  readonly first: Candidate
  readonly other: Candidate
  /** Whether the other one is loaded, too, when the page is quiet: it may answer some requests sooner. */
  readonly usesOther: boolean
  /**
   * - `measured`: both were measured.
   * - `small`: the model is so small that WebAssembly may be faster, so both are tried.
   * - `fast`: WebAssembly was measured, and no GPU can be faster.
   * - `gpu`: WebAssembly is not tried beside the GPU.
   */
  readonly because: 'measured' | 'small' | 'fast' | 'gpu'
}

/**
 * The most bytes of memory with which a model is tried in WebAssembly beside a GPU. A run reads most of them once, which
 * takes a CPU about 5 ms for 64 MiB: as long as a browser takes to read any result back from a GPU.
 */
const mostTrialMemory = 64 * 2 ** 20

/** The most bytes that are downloaded to try the other backend: about as many as ONNX Runtime itself has. */
const mostTrialBytes = 8 * 2 ** 20

/** Milliseconds that a browser needs at least to read a result back from a GPU (Chromium on an H200: 4 to 5). */
const readBackMs = 4

/** Rows of a large batch, as they are measured. */
const manyRows = 64

/** The order of two backends: by their measurements where both have some, else the cheapest to try first. Pure. */
export function orderBackends(
  { gpu, wasm }: { readonly gpu: Candidate; readonly wasm: Candidate },
  manifest: Manifest,
  memoryBudget: number,
  costs: Costs,
): BackendOrder {
  const gpuFirst = { first: gpu, other: wasm, usesOther: false }
  // Texts stay on one backend: their steps are not measured, and a GPU takes many rows for the price of one.
  if (manifest.generation) return { ...gpuFirst, because: 'gpu' }
  const [onGpu, onWasm] = [costs[candidateKey(gpu)], costs[candidateKey(wasm)]]
  const mayHoldBoth = wasm.variant.memory + gpu.variant.memory <= memoryBudget
  if (onGpu && onWasm) {
    const isWasmSooner = onWasm.predict(1) <= onGpu.predict(1)
    const isOtherUseful = isWasmSooner
      ? isSoonerForSome(onGpu, onWasm, manifest)
      : isSoonerForSome(onWasm, onGpu, manifest)
    // Where only one may be held, many rows count more than the milliseconds of a single one.
    if (isOtherUseful && !mayHoldBoth) return { ...gpuFirst, because: 'measured' }
    const [first, other] = isWasmSooner ? [wasm, gpu] : [gpu, wasm]
    return { first, other, usesOther: isOtherUseful, because: 'measured' }
  }
  const isSmall =
    mayHoldBoth &&
    wasm.variant.memory <= mostTrialMemory &&
    bytesOfFilesOnlyIn(gpu, wasm) <= mostTrialBytes &&
    bytesOfFilesOnlyIn(wasm, gpu) <= mostTrialBytes
  if (!isSmall) return { ...gpuFirst, because: 'gpu' }
  const wasmFirst = { first: wasm, other: gpu }
  if (onWasm && beatsReadBack(onWasm, manifest)) return { ...wasmFirst, usesOther: false, because: 'fast' }
  return { ...wasmFirst, usesOther: true, because: 'small' }
}

/** Whether WebAssembly answers many rows before a browser could read a result back from a GPU. */
export const beatsReadBack = (onWasm: CostCurve, manifest: Manifest): boolean =>
  onWasm.isKnown && onWasm.predict(mostRows(manifest)) <= readBackMs

/** Whether one backend is clearly faster than the other, for a single row or for many. */
export const isSoonerForSome = (one: CostCurve, other: CostCurve, manifest: Manifest): boolean =>
  [1, mostRows(manifest)].some((rows) => one.predict(rows) < other.predict(rows) * clearlyFaster)

/** The rows of a large batch of this model. */
export const mostRows = ({ batchAxis, batching }: Manifest): number =>
  batchAxis === null ? 1 : Math.min(manyRows, batching?.maxRows ?? manyRows)

function bytesOfFilesOnlyIn({ variant }: Candidate, other: Candidate): number {
  const shared = new Set(other.variant.files.map(({ sha256 }) => sha256))
  return variant.files.reduce((sum, { size, sha256 }) => sum + (shared.has(sha256) ? 0 : size), 0)
}
