import { elementCount } from '../../../models/core/index.ts'
import type { Ort, OrtTensor } from '../runtime/ort.ts'

/**
 * Memory that runs write their logits into, one after the other. Logits that are made anew at each step are megabytes
 * that the garbage collector has to find: a tenth of the time of a small model on a CPU.
 * Half floats are made into floats anew anyway.
 */
export class LogitsMemory {
  readonly #createTensor: Ort['createTensor']
  /** What runs of a kind return, as seen. */
  readonly #shapes = new Map<string, readonly number[]>()
  #data = new Float32Array()

  constructor(createTensor: Ort['createTensor']) {
    this.#createTensor = createTensor
  }

  /** For a run of a kind; null where its shape is not known yet. It is written over by the next. */
  tensor(kind: string): OrtTensor | null {
    const shape = this.#shapes.get(kind)
    if (!shape) return null
    const size = elementCount(shape)
    if (this.#data.length < size) this.#data = new Float32Array(size)
    return this.#createTensor('float32', this.#data.subarray(0, size), shape)
  }

  /** A run of a kind returned these. */
  learn(kind: string, { dims }: OrtTensor): void {
    if (!this.#shapes.has(kind)) this.#shapes.set(kind, dims)
  }

  /** Gives the memory back, until the next run. */
  free(): void {
    this.#data = new Float32Array()
  }
}
