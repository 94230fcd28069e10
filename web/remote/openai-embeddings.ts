import * as z from 'zod/mini'
import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, SpillwayError, schemaError } from '../../models/core/index.ts'
import { embeddingList } from '../../models/protocols/openai.ts'
import { requestTimeout } from '../../models/protocols/request-timeout.ts'
import type { Embeddings } from '../../workers/host/text/embedding/embedder.ts'
import { requestJson } from './request.ts'
import type { RequestHeaders } from './request-headers.ts'

export interface EmbeddingsOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Milliseconds that the request has left. */
  readonly deadlineMs?: number | undefined
  readonly pageHeaders: RequestHeaders
}

/** Milliseconds for an answer without a deadline: as long as a run may take. */
const timeoutMs = 300_000

/**
 * Embeds texts on any server that speaks the OpenAI API.
 *
 * @throws SpillwayError As `requestJson`; `server_response_invalid` where the answer is not a vector for each text.
 */
export async function requestEmbeddings(
  server: URL,
  { id }: Manifest,
  texts: readonly (string | readonly number[])[],
  { clock, signal, deadlineMs, pageHeaders }: EmbeddingsOptions,
): Promise<Omit<Embeddings, 'truncated'>> {
  const url = new URL('v1/embeddings', server)
  const answer = await requestJson(url, {
    clock,
    signal,
    timeoutMs,
    pageHeaders,
    method: 'POST',
    headers: requestTimeout(deadlineMs),
    body: JSON.stringify({ model: id, input: texts }),
  })
  const parsed = z.safeParse(embeddingList, answer)
  if (!parsed.success)
    throw schemaError('server_response_invalid', `The answer from ${url.origin}`, parsed.error, answer)
  const { data, usage } = parsed.data
  const embeddings: Float32Array[] = []
  for (const { index, embedding } of data) embeddings[index] = Float32Array.from(embedding)
  if (data.length !== texts.length || texts.some((_, index) => !embeddings[index])) {
    throw new SpillwayError('server_response_invalid', `${url.origin} did not embed all texts`, {
      expected: `${texts.length} vectors`,
      got: `${data.length}`,
    })
  }
  return { embeddings, promptTokens: usage?.prompt_tokens ?? 0 }
}
