import type { Policy } from '../../models/core/placement.ts'
import type { Model } from '../api/model.ts'
import type { WriteResult } from '../store/storage/model-store.ts'
import { createIndex, type Neighbour, type NeighbourIndex } from './neighbours.ts'
import type { TextVectors, VectorStore } from './vector-store.ts'

/** Texts that are embedded at once: as many share runs, are stored together, and the progress moves after each. */
const atOnce = 128

export interface LibraryOptions {
  readonly signal: AbortSignal
  readonly policy?: Policy | undefined
  /** Keeps the vectors between visits. Without it they last as long as the library. */
  readonly store?: VectorStore | undefined
  /** Gets how many texts can be found, and how many vectors of these came from the store. */
  readonly onProgress?: (done: number, kept: number) => void
}

/** Texts and their vectors. */
export class Library {
  readonly texts: readonly string[]
  readonly #vectors: Float32Array[] = []
  readonly #truncated: number[] = []
  #index: NeighbourIndex | undefined

  constructor(texts: readonly string[]) {
    this.texts = texts
  }

  get size(): number {
    return this.texts.length
  }

  /** Whether all texts are embedded. */
  get isWhole(): boolean {
    return this.#vectors.length === this.size
  }

  /** Indices of the texts that are found by their beginning only: the model does not read more of them. */
  get truncated(): readonly number[] {
    return this.#truncated
  }

  vector(index: number): Float32Array | undefined {
    return this.#vectors[index]
  }

  /**
   * Embeds all texts that are not stored. Called once.
   *
   * @returns Whether the vectors are in the store now; `full` where it has no space for all of them.
   * @throws SpillwayError As `model.embed()`.
   */
  async embed(model: Model, options: LibraryOptions): Promise<WriteResult> {
    const { store, onProgress } = options
    // Which variant answers, and so which stored vectors are like those to come, shows in the first vector.
    const first = store ? await embedTexts(model, this.texts.slice(0, 1), options) : nothing
    const variant = first.variants[0] ?? 'unknown'
    const source = { id: model.manifest.id, version: model.manifest.version, variant }
    let result: WriteResult = store ? 'kept' : 'refused'
    let kept = 0
    for (let start = 0; start < this.size; start += atOnce) {
      const batch = this.texts.slice(start, start + atOnce)
      const stored = await store?.read(source, batch)
      if (stored) {
        this.#add(start, stored)
        kept += batch.length
      } else {
        const begun = start === 0 ? first : nothing
        const made = joined(begun, await embedTexts(model, batch.slice(begun.embeddings.length), options))
        this.#add(start, made)
        // Vectors of another variant, or of one that the server does not name, are not like the others.
        const isAlike = variant !== 'unknown' && made.variants.every((each) => each === variant)
        const written = (isAlike && (await store?.write(source, batch, made))) || 'refused'
        if (written !== 'kept') result = written
      }
      onProgress?.(this.#vectors.length, kept)
    }
    return result
  }

  /** Nearest first, among the texts that are embedded so far. */
  nearest(vector: Float32Array, count: number): readonly Neighbour[] {
    return this.#index?.nearest(vector, count) ?? []
  }

  #add(start: number, { embeddings, truncated }: TextVectors): void {
    for (const vector of embeddings) {
      this.#index ??= createIndex(vector.length)
      this.#index.add(vector)
      this.#vectors.push(vector)
    }
    for (const index of truncated) this.#truncated.push(start + index)
  }
}

/** Vectors, and which variant made each. */
interface Embedded extends TextVectors {
  readonly variants: readonly string[]
}

const nothing: Embedded = { embeddings: [], truncated: [], variants: [] }

async function embedTexts(
  model: Model,
  texts: readonly string[],
  { signal, policy }: LibraryOptions,
): Promise<Embedded> {
  if (texts.length === 0) return nothing
  // Only an engine behind the server has the tokenizer of a model without these settings: it alone could cut texts.
  const truncate = model.manifest.embedding !== undefined
  const { embeddings, truncated, placements } = await model.embed(texts, {
    signal,
    truncate,
    ...(policy && { policy }),
  })
  return { embeddings, truncated, variants: placements.map(({ variant }) => variant) }
}

const joined = (one: Embedded, other: Embedded): Embedded => ({
  embeddings: [...one.embeddings, ...other.embeddings],
  truncated: [...one.truncated, ...other.truncated.map((index) => one.embeddings.length + index)],
  variants: [...one.variants, ...other.variants],
})
