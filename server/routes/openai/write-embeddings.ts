import {
  type EmbeddingsAnswer,
  embeddingsAnswer,
} from '../../../workers/host/text/openai/embeddings-answer.ts'

/** The answer as JSON. */
export const writeEmbeddings = (answer: EmbeddingsAnswer): string =>
  JSON.stringify(embeddingsAnswer(answer, toBase64))

const toBase64 = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
