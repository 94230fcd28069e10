import { type FeatureExtractionPipeline, pipeline } from '@huggingface/transformers'
import { createRuntime, type Model } from '../../../web/api/index.ts'
import { takeTurns } from './time.ts'
import { configureTransformers } from './transformers.ts'

const pooled = { pooling: 'mean', normalize: true } as const

/**
 * Embeds texts through our runtime and through transformers.js: one text a call, all at once, and in arrays.
 *
 * @param cores Cores that each side may use: as lanes of ours, as threads of theirs.
 */
export async function embed(
  hub: string,
  texts: readonly string[],
  { batch, rounds, cores }: { readonly batch: number; readonly rounds: number; readonly cores: number },
) {
  const runtime = await createRuntime({
    server: null,
    policy: 'device',
    hub: { endpoint: hub },
    maxLanes: cores,
  })
  const model = await runtime.model('hf:bench/encoder')
  configureTransformers(new URL(hub), '{model}/resolve/{revision}/', cores)
  const extractor = await pipeline('feature-extraction', 'bench/encoder', { device: 'wasm', dtype: 'fp32' })
  const arrays = Array.from({ length: Math.ceil(texts.length / batch) }, (_, at) =>
    texts.slice(at * batch, (at + 1) * batch),
  )
  await expectAlike(model, extractor, texts)
  const times = await takeTurns(
    {
      concurrent: () => Promise.all(texts.map((text) => model.embed(text))),
      theirsConcurrent: () => Promise.all(texts.map((text) => extractor(text, pooled))),
      inBatches: async () => {
        for (const array of arrays) await model.embed(array)
      },
      theirsInBatches: async () => {
        for (const array of arrays) await extractor([...array], pooled)
      },
    },
    { rounds, warmUp: 3 },
  )
  await extractor.dispose()
  runtime.close()
  return times
}

/** @throws Error where the two vectors of a text differ: a bench must not win with wrong answers. */
async function expectAlike(model: Model, extractor: FeatureExtractionPipeline, texts: readonly string[]) {
  const { embeddings } = await model.embed(texts)
  for (const [index, text] of texts.entries()) {
    const { data } = await extractor(text, pooled)
    const cosine = embeddings[index]?.reduce((sum, value, at) => sum + value * Number(data[at]), 0)
    if (!(cosine !== undefined && cosine > 0.9999))
      throw new Error(`Text ${index}: the two differ, ${cosine}`)
  }
}
