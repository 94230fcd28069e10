import { describe, expect, test } from 'vitest'
import type { Model } from '../../web/api/model.ts'
import { keptWords } from '../../web/app/search/reading-words.ts'
import { Library } from '../../web/search/library.ts'
import type { TextVectors, VectorStore } from '../../web/search/vector-store.ts'
import type { WriteResult } from '../../web/store/storage/model-store.ts'

const { signal } = new AbortController()

/** Embeds a text as its length, by the variants in turn; texts of more than 900 characters are truncated. */
function modelOf(variants: readonly string[] = ['q8']) {
  const asked: number[] = []
  const embed: Model['embed'] = async (texts) => {
    const list = typeof texts === 'string' ? [texts] : texts
    const variant = variants[Math.min(asked.length, variants.length - 1)] ?? ''
    asked.push(list.length)
    return {
      embeddings: list.map(({ length }) => Float32Array.of(length, 1)),
      promptTokens: 1,
      truncated: [...list.keys()].filter((index) => (list[index]?.length ?? 0) > 900),
      placements: list.map(() => ({
        tier: 'device',
        backend: 'wasm',
        variant,
        reason: 'policy',
        explanation: '',
      })),
    }
  }
  const manifest = { id: 'scripted', version: '1', embedding: {} }
  return { model: { manifest, embed } as unknown as Model, asked }
}

/** Keeps vectors in memory; `full` keeps none. */
function storeOf(result: WriteResult = 'kept') {
  const kept = new Map<string, TextVectors>()
  const store: Pick<VectorStore, 'read' | 'write'> = {
    read: async (source, texts) => kept.get(JSON.stringify([source, texts])),
    write: async (source, texts, vectors) => {
      if (result === 'kept') kept.set(JSON.stringify([source, texts]), vectors)
      return result
    },
  }
  return { store: store as VectorStore, kept }
}

const texts = Array.from({ length: 300 }, (_, index) => 'x'.repeat(index < 299 ? index + 1 : 1_000))

describe('a library', () => {
  test('embeds its texts once, and at the next visit only the first, which shows the variant', async () => {
    const { store } = storeOf()
    const first = modelOf()
    const library = new Library(texts)
    const progress: number[][] = []
    const onProgress = (...counts: number[]) => progress.push(counts)
    expect(await library.embed(first.model, { signal, store, onProgress })).toBe('kept')
    expect(first.asked).toEqual([1, 127, 128, 44])
    expect(progress).toEqual([
      [128, 0],
      [256, 0],
      [300, 0],
    ])
    expect(library.truncated).toEqual([299])
    expect(library.nearest(Float32Array.of(1, 0), 2).map(({ index }) => index)).toEqual([299, 298])
    const again = modelOf()
    const later = new Library(texts)
    expect(await later.embed(again.model, { signal, store })).toBe('kept')
    expect(again.asked).toEqual([1])
    expect(later.truncated).toEqual([299])
    expect(later.vector(299)).toEqual(library.vector(299))
  })

  test('works from memory where nothing can be kept, and says so', async () => {
    for (const result of ['full', 'refused'] as const) {
      const library = new Library(texts)
      expect(await library.embed(modelOf().model, { signal, store: storeOf(result).store })).toBe(result)
      expect(library.isWhole).toBe(true)
    }
    expect(keptWords('full', 0, 300)).toContain('no room')
    expect(keptWords('refused', 0, 300)).toContain('keeps nothing')
    expect(keptWords('kept', 128, 300)).toBe(', 128 as an earlier visit kept them')
  })

  test('keeps no vectors of another variant than its first, or of one that has no name', async () => {
    const mixed = storeOf()
    expect(await new Library(texts).embed(modelOf(['q8', 'q4']).model, { signal, store: mixed.store })).toBe(
      'refused',
    )
    expect(mixed.kept.size).toBe(0)
    const unknown = storeOf()
    await new Library(texts).embed(modelOf(['unknown']).model, { signal, store: unknown.store })
    expect(unknown.kept.size).toBe(0)
  })

  test('of no texts finds nothing', async () => {
    const library = new Library([])
    expect(await library.embed(modelOf().model, { signal, store: storeOf().store })).toBe('kept')
    expect(library.nearest(Float32Array.of(1, 0), 2)).toEqual([])
  })
})
