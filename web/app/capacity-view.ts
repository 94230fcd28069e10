import type { Capacity, GpuCapacity } from '../device/capacity.ts'
import { find } from './find.ts'
import { bytes, countOf } from './words.ts'

/** Shows the device's capacity: in one line, and in full when opened. */
export function showCapacity(panel: HTMLElement, { gpu, wasm, memoryBudget, storage }: Capacity): void {
  const threads = countOf(wasm.threads, 'thread')
  panel.dataset.gpu = gpu ? (gpu.software ? 'software' : 'hardware') : 'none'
  panel.dataset.threads = String(wasm.threads)
  find('[data-part="brief"]', HTMLElement, panel).textContent = [
    gpu ? (gpu.software ? 'Software GPU' : 'GPU') : 'No GPU',
    wasm.simd ? `WebAssembly, ${threads}` : 'No WebAssembly SIMD',
    storage ? `${bytes(freeBytes(storage))} free` : 'Storage not reported',
  ].join(' · ')

  const facts: readonly (readonly [string, string])[] = [
    ['GPU', describeGpu(gpu)],
    ['WebAssembly', [wasm.simd ? 'SIMD' : 'no SIMD', threads, wasm.jspi ? 'JSPI' : 'no JSPI'].join(', ')],
    ['Memory for a model', `about ${bytes(memoryBudget)}`],
    // No figure of use: the browser's may be minutes old, and models are stored after it was asked.
    ['Storage', storage ? `up to ${bytes(storage.quota)} for this site` : 'not reported by the browser'],
  ]
  find('dl', HTMLElement, panel).replaceChildren(...facts.map(([name, value]) => fact(name, value)))
}

const freeBytes = ({ quota, usage }: NonNullable<Capacity['storage']>): number => Math.max(0, quota - usage)

function describeGpu(gpu: GpuCapacity | null): string {
  if (!gpu) return 'none that WebGPU can use'
  const name = [gpu.vendor, gpu.architecture].filter((part) => part !== '').join(' ') || 'unnamed'
  return gpu.software
    ? `${name}, emulated in software: not used`
    : `${name}, buffers up to ${bytes(gpu.maxBufferSize)}`
}

function fact(name: string, value: string): HTMLDivElement {
  const term = document.createElement('dt')
  term.textContent = name
  const description = document.createElement('dd')
  description.textContent = value
  const row = document.createElement('div')
  row.append(term, description)
  return row
}
