/**
 * The work on large requests and answers that must not keep the server's thread. Each task runs in the offload thread;
 * for small data the server calls the same functions on its own thread, where a message would cost more than the work.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isStrings, type Manifest } from '../../models/core/index.ts'
import type { RequestKind } from '../../workers/host/text/openai/check-body.ts'
import type { EmbeddingsAnswer } from '../../workers/host/text/openai/embeddings-answer.ts'
import { type PromptRequest, type ReadPrompt, readPrompt } from '../../workers/host/text/tokenizer/prompt.ts'
import { readTokenizer } from '../../workers/host/text/tokenizer/tokenizer.ts'
import type { TemplateArguments, Tokenizer } from '../../workers/host/text/types.ts'
import type { EncodedInferRequest } from '../grpc/generated/encoded_infer_pb.ts'
import { readModelInfer } from '../grpc/read-infer.ts'
import type { RequestLimits } from '../request-limits.ts'
import { type CheckedInferRequest, readInferRequest } from '../routes/oip/read-infer-request.ts'
import { type InferAnswer, writeInferResponse } from '../routes/oip/write-infer-response.ts'
import { parseRequest, type TextBounds } from '../routes/openai/parse-request.ts'
import { writeEmbeddings } from '../routes/openai/write-embeddings.ts'
import { type ForwardedAnswer, rewriteAnswer } from '../upstream/openai/forwarded-answer.ts'

/** A model's tokenizer files on this machine, which the caller has verified. */
export interface TokenizerSource {
  readonly folder: string
  readonly paths: readonly string[]
  /** The hashes of the files, which may be replaced. */
  readonly key: string
}

/** A task's result, and its buffers, which move to the server's thread without a copy. */
interface Done<T> {
  readonly value: T
  readonly transfer?: readonly ArrayBufferLike[]
}

const tokenizers = new Map<string, Tokenizer>()

export const tasks = {
  readText: ({
    kind,
    body,
    bounds,
  }: {
    kind: RequestKind
    body: Uint8Array
    bounds: TextBounds
  }): Done<unknown> => ({ value: parseRequest(kind, body, bounds) }),

  readTensors: ({
    body,
    jsonLength,
    manifest,
    limits,
  }: {
    body: Uint8Array
    jsonLength: string | undefined
    manifest: Manifest
    limits: RequestLimits
  }): Done<CheckedInferRequest> => withTensors(readInferRequest(body, jsonLength, manifest, limits)),

  readModelInfer: ({
    message,
    manifest,
    limits,
  }: {
    message: EncodedInferRequest
    manifest: Manifest
    limits: RequestLimits
  }): Done<CheckedInferRequest> => withTensors(readModelInfer(message, manifest, limits)),

  tokenize: ({
    source,
    prompts,
    templateArguments,
    contextLength,
  }: {
    source: TokenizerSource
    prompts: readonly PromptRequest[]
    templateArguments: TemplateArguments | undefined
    contextLength: number
  }): Done<readonly (Omit<ReadPrompt, 'tokens'> & { readonly tokens: Int32Array })[]> => {
    const tokenizer = tokenizerOf(source)
    const value = prompts.map((prompt) => {
      const { tokens, ...read } = readPrompt(prompt, tokenizer, contextLength, templateArguments)
      return { ...read, tokens: Int32Array.from(tokens) }
    })
    return { value, transfer: buffersOf(value.map(({ tokens }) => tokens)) }
  },

  writeTensors: (answer: InferAnswer): Done<ReturnType<typeof writeInferResponse>> => {
    const value = writeInferResponse(answer)
    return { value, transfer: typeof value.body === 'string' ? [] : [value.body.buffer] }
  },

  writeEmbeddings: (answer: EmbeddingsAnswer): Done<Uint8Array<ArrayBuffer>> => {
    const value = new TextEncoder().encode(writeEmbeddings(answer))
    return { value, transfer: [value.buffer] }
  },

  rewriteAnswer: ({ model, answer }: { model: string; answer: Uint8Array }): Done<ForwardedAnswer> => ({
    value: rewriteAnswer(model, answer),
  }),
} as const

export type Tasks = typeof tasks
export type TaskName = keyof Tasks
export type TaskInput<N extends TaskName> = Parameters<Tasks[N]>[0]
export type TaskResult<N extends TaskName> = ReturnType<Tasks[N]>['value']

/** A request whose tensors move. */
const withTensors = (value: CheckedInferRequest): Done<CheckedInferRequest> => ({
  value,
  transfer: buffersOf(
    Object.values(value.inputs.tensors).flatMap(({ data }) => (isStrings(data) ? [] : [data])),
  ),
})

/** Each buffer once: several arrays may be views of one. */
const buffersOf = (arrays: readonly ArrayBufferView[]) => [...new Set(arrays.map(({ buffer }) => buffer))]

/** Read at the model's first large text. */
function tokenizerOf({ folder, paths, key }: TokenizerSource): Tokenizer {
  const known = tokenizers.get(key)
  if (known) return known
  const files = new Map(
    paths.map((path) => [
      path.slice(path.lastIndexOf('/') + 1),
      new Uint8Array(readFileSync(join(folder, path))),
    ]),
  )
  const tokenizer = readTokenizer(files, [])
  tokenizers.set(key, tokenizer)
  return tokenizer
}
