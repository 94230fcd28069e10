import type { Capacity, GpuCapacity } from '../device/capacity.ts'
import { find } from '../view/find.ts'
import { bytes, countOf } from '../view/words.ts'

/** Shows the device's capacity: in one line, and in full when opened. */
export function showCapacity(panel: HTMLElement, { gpu, wasm, memoryBudget, storage }: Capacity): void {
  const threads = countOf(wasm.threads, 'thread')
  panel.dataset.gpu = gpu ? (gpu.software ? 'software' : 'hardware') : 'none'
  panel.dataset.threads = String(wasm.threads)
  find('[data-part="brief"]', HTMLElement, panel).textContent = [
    gpu ? (gpu.software ? 'Software GPU' : 'GPU') : 'No GPU',
    wasm.simd ? `WebAssembly, ${threads}` : 'No WebAssembly SIMD',
    describeFree(storage),
  ].join(' · ')

  const facts: readonly (readonly [string, string])[] = [
    ['GPU', describeGpu(gpu)],
    ['WebAssembly', [wasm.simd ? 'SIMD' : 'no SIMD', threads, wasm.jspi ? 'JSPI' : 'no JSPI'].join(', ')],
    ['Memory for a model', `about ${bytes(memoryBudget)}`],
    // No figure of use: the browser's may be minutes old, and models are stored after it was asked.
    ['Storage', describeStorage(storage)],
  ]
  find('dl', HTMLElement, panel).replaceChildren(...facts.map(([name, value]) => fact(name, value)))
}

function describeFree(storage: Capacity['storage']): string {
  if (!storage) return 'Storage not reported'
  if (storage.quota === 0) return 'Nothing can be stored'
  return `${bytes(Math.max(0, storage.quota - storage.usage))} free`
}

function describeStorage(storage: Capacity['storage']): string {
  if (!storage) return 'not reported by the browser'
  return storage.quota === 0 ? 'blocked for this site' : `up to ${bytes(storage.quota)} for this site`
}

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
