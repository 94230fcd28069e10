import type { EmbeddingRequest } from '../../../models/protocols/openai.ts'
import type { EmbedResult } from '../../../workers/host/text/embedding/embedder.ts'
import { invalidParameter } from './invalid-parameter.ts'

/**
 * The answer to a request for embeddings: as numbers, or as base64 of little-endian floats where that was asked for.
 *
 * @throws SpillwayError `request_malformed` for `dimensions` that the model does not have.
 */
export function embeddingsAnswer(request: EmbeddingRequest, { embeddings, promptTokens }: EmbedResult) {
  const size = embeddings[0]?.length ?? 0
  if (request.dimensions != null && request.dimensions !== size)
    throw invalidParameter('dimensions', `${size}, the model's own number`)
  const write = request.encoding_format === 'base64' ? toBase64 : (vector: Float32Array) => [...vector]
  return {
    object: 'list',
    data: embeddings.map((vector, index) => ({ object: 'embedding', index, embedding: write(vector) })),
    model: request.model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  }
}

const toBase64 = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
