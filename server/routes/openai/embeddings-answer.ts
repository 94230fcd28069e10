import type { EmbeddingRequest } from '../../../models/protocols/openai.ts'
import type { EmbedResult } from '../../../workers/host/text/embedding/embedder.ts'
import { invalidParameter } from './invalid-parameter.ts'

/** The embeddings of a request, and what decides how they are written. */
export interface EmbeddingsAnswer extends EmbedResult {
  readonly request: Pick<EmbeddingRequest, 'model' | 'encoding_format'>
}

/** @throws SpillwayError `request_malformed` for `dimensions` that the model does not have. */
export function checkDimensions({ dimensions }: EmbeddingRequest, { embeddings }: EmbedResult): void {
  const size = embeddings[0]?.length ?? 0
  if (dimensions != null && dimensions !== size)
    throw invalidParameter('dimensions', `${size}, the model's own number`)
}

/** The answer as JSON: vectors as numbers, or as base64 of little-endian floats where that was asked for. */
export function writeEmbeddings({ request, embeddings, promptTokens }: EmbeddingsAnswer): string {
  const write = request.encoding_format === 'base64' ? toBase64 : (vector: Float32Array) => [...vector]
  return JSON.stringify({
    object: 'list',
    data: embeddings.map((vector, index) => ({ object: 'embedding', index, embedding: write(vector) })),
    model: request.model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  })
}

const toBase64 = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
