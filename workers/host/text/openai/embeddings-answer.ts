import type { EmbeddingRequest } from '../../../../models/protocols/openai.ts'
import type { Embeddings } from '../embedding/embedder.ts'
import { invalidParameter } from './invalid-parameter.ts'

/** The embeddings of a request, and what decides how they are written. */
export interface EmbeddingsAnswer extends Pick<Embeddings, 'embeddings' | 'promptTokens'> {
  readonly request: Pick<EmbeddingRequest, 'model' | 'encoding_format'>
}

/** @throws SpillwayError `request_malformed` for `dimensions` that the model does not have. */
export function checkDimensions(
  { dimensions }: EmbeddingRequest,
  { embeddings }: Pick<Embeddings, 'embeddings'>,
): void {
  const size = embeddings[0]?.length ?? 0
  if (dimensions != null && dimensions !== size)
    throw invalidParameter('dimensions', `${size}, the model's own number`)
}

/**
 * The answer: vectors as numbers, or as base64 of little-endian floats where that was asked for.
 *
 * @param toBase64 Writes bytes as base64.
 */
export function embeddingsAnswer(
  { request, embeddings, promptTokens }: EmbeddingsAnswer,
  toBase64: (bytes: Uint8Array<ArrayBufferLike>) => string,
): object {
  const write = (vector: Float32Array) =>
    request.encoding_format === 'base64'
      ? toBase64(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
      : [...vector]
  return {
    object: 'list',
    data: embeddings.map((vector, index) => ({ object: 'embedding', index, embedding: write(vector) })),
    model: request.model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  }
}
