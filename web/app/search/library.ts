import type { Model } from '../../api/model.ts'
import { createIndex, type Neighbour, type NeighbourIndex } from '../../search/neighbours.ts'

/** Passages that are embedded at once: as many share runs, and the progress moves after each. */
const atOnce = 128

/** The passages of one text and their vectors. */
export class Library {
  readonly #passages: readonly string[]
  readonly #vectors: Float32Array[] = []
  #index: NeighbourIndex | undefined

  constructor(passages: readonly string[]) {
    this.#passages = passages
  }

  get size(): number {
    return this.#passages.length
  }

  passage(index: number): string {
    return this.#passages[index] ?? ''
  }

  vector(index: number): Float32Array | undefined {
    return this.#vectors[index]
  }

  /** Embeds all passages. @param onProgress Called with the number of those that are done. */
  async embed(model: Model, signal: AbortSignal, onProgress: (done: number) => void): Promise<void> {
    while (this.#vectors.length < this.#passages.length) {
      const start = this.#vectors.length
      const { embeddings } = await model.embed(this.#passages.slice(start, start + atOnce), { signal })
      for (const vector of embeddings) {
        this.#index ??= createIndex(vector.length)
        this.#index.add(vector)
        this.#vectors.push(vector)
      }
      onProgress(this.#vectors.length)
    }
  }

  /** Nearest first, among the passages that are embedded so far. */
  nearest(vector: Float32Array, count: number): readonly Neighbour[] {
    return this.#index?.nearest(vector, count) ?? []
  }
}
