import * as z from 'zod/mini'
import { schemaFault } from '../../../../models/core/index.ts'
import {
  type ChatRequest,
  type CompletionRequest,
  chatRequest,
  completionRequest,
  type EmbeddingRequest,
  embeddingRequest,
} from '../../../../models/protocols/openai.ts'
import { type ResponseRequest, responseRequest } from '../../../../models/protocols/openai-responses.ts'
import { invalidParameter } from './invalid-parameter.ts'
import { type RequestKind, refuseUnsupportedFields } from './unsupported-fields.ts'

export type { RequestKind }

const schemas = {
  chat: chatRequest,
  completion: completionRequest,
  response: responseRequest,
  embedding: embeddingRequest,
}

/** The requests of the API, by kind. */
export interface RequestOf {
  readonly chat: ChatRequest
  readonly completion: CompletionRequest
  readonly response: ResponseRequest
  readonly embedding: EmbeddingRequest
}

/** @throws SpillwayError `request_malformed` or `not_supported`, which name the parameter. */
export function checkBody<K extends RequestKind>(kind: K, body: unknown): RequestOf[K] {
  const parsed = z.safeParse<z.ZodMiniType>(schemas[kind], body)
  if (!parsed.success) {
    const { path, expected, got } = schemaFault(parsed.error, body)
    throw invalidParameter(path, expected, got)
  }
  refuseUnsupportedFields(kind, Object(body))
  return parsed.data as RequestOf[K]
}

/** @throws SpillwayError `request_malformed` where they would be passed over, as OpenAI's own API does. */
export function checkStreamOptions({
  stream,
  stream_options,
}: {
  stream?: unknown
  stream_options?: unknown
}): void {
  if (stream_options != null && stream !== true)
    throw invalidParameter('stream_options', 'not without stream: true', JSON.stringify(stream_options))
}
