/** A pipeline of transformers.js in a worker with plain messages, as a page uses it that has to stay smooth. */
import type { FeatureExtractionPipeline } from '@huggingface/transformers'
import { openExtractor, pooled } from './extractor.ts'

/** The hub and the threads come first, then a text each. */
type Request = { readonly id: number } & (
  | { readonly hub: string; readonly threads: number }
  | { readonly text: string }
)

let extractor: FeatureExtractionPipeline | undefined

self.onmessage = async ({ data: request }: MessageEvent<Request>) => {
  const { id } = request
  if ('hub' in request) {
    extractor = await openExtractor(request.hub, request.threads)
    self.postMessage({ id })
    return
  }
  if (!extractor) throw new Error('No model')
  const { data } = await extractor(request.text, pooled)
  const result = Float32Array.from(data)
  self.postMessage({ id, result }, { transfer: [result.buffer] })
}
