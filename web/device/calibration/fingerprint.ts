import { env } from 'onnxruntime-common'
import type { Capacity } from '../capacity/capacity.ts'

/** What measurements hold for: this browser, this hardware, these threads, this version of ONNX Runtime. */
export const fingerprintOf = ({ gpu, wasm, memoryBudget }: Capacity): string =>
  JSON.stringify([
    navigator.userAgent,
    navigator.hardwareConcurrency,
    memoryBudget,
    wasm.threads,
    wasm.jspi,
    gpu && [gpu.vendor, gpu.architecture, gpu.software],
    env.versions.common,
  ])
