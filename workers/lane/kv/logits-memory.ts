import { elementCount } from '../../../models/core/index.ts'
import type { Ort, OrtTensor } from '../runtime/ort.ts'

/**
 * Memory that runs write their logits into, one after the other. Logits that are made anew at each step are megabytes
 * that the garbage collector has to find: a tenth of the time of a small model on a CPU.
 */
export class LogitsMemory {
  readonly #createTensor: Ort['createTensor']
  readonly #type: 'float32' | 'float16'
  /** What runs of a kind return, as seen. */
  readonly #shapes = new Map<string, readonly number[]>()
  #data: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>

  constructor(createTensor: Ort['createTensor'], type: 'float32' | 'float16') {
    this.#createTensor = createTensor
    this.#type = type
    this.#data = this.#allocate(0)
  }

  /** For a run of a kind; null where its shape is not known yet. It is written over by the next. */
  tensor(kind: string): OrtTensor | null {
    const shape = this.#shapes.get(kind)
    if (!shape) return null
    const size = elementCount(shape)
    if (this.#data.length < size) this.#data = this.#allocate(size)
    return this.#createTensor(this.#type, this.#data.subarray(0, size), shape)
  }

  /** A run of a kind returned these. */
  learn(kind: string, { dims }: OrtTensor): void {
    if (!this.#shapes.has(kind)) this.#shapes.set(kind, dims)
  }

  /** Gives the memory back, until the next run. */
  free(): void {
    this.#data = this.#allocate(0)
  }

  #allocate(size: number) {
    return this.#type === 'float32' ? new Float32Array(size) : new Uint16Array(size)
  }
}
