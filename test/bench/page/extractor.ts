import { type FeatureExtractionPipeline, pipeline } from '@huggingface/transformers'
import { configureTransformers } from './transformers.ts'

export const pooled = { pooling: 'mean', normalize: true } as const

/** The encoder of the bench's hub, as a pipeline of transformers.js. */
export function openExtractor(hub: string, threads: number): Promise<FeatureExtractionPipeline> {
  configureTransformers(new URL(hub), '{model}/resolve/{revision}/', threads)
  return pipeline('feature-extraction', 'bench/encoder', { device: 'wasm', dtype: 'fp32' })
}
