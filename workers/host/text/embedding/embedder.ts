import { type Manifest, SpillwayError, type Tensor } from '../../../../models/core/index.ts'
import type { Tokenizer } from '../types.ts'
import type { DenseLayer } from './dense-layer.ts'
import { runInPieces } from './in-pieces.ts'
import { normalized, poolTokens } from './pool-tokens.ts'

/** The vectors of texts, and the tokens that were read for them. */
export interface Embeddings {
  /** One vector for each text, in order. */
  readonly embeddings: readonly Float32Array[]
  /** Tokens of all texts. */
  readonly promptTokens: number
  /** Indices of the texts of which only the beginning was read. */
  readonly truncated: readonly number[]
}

/** What a model needs beside its graph to embed texts. */
export interface TextReader {
  readonly tokenizer: Tokenizer
  /** The layers after pooling, in their order. */
  readonly layers: readonly DenseLayer[]
}

/** Runs the tokens of one text, the call's text of that index. The scheduler batches the runs. */
export type RunTokens = (
  inputs: Readonly<Record<string, Tensor>>,
  signal: AbortSignal,
  index: number,
) => Promise<Readonly<Record<string, Tensor>>>

export interface EmbedderOptions {
  readonly signal?: AbortSignal | undefined
  readonly truncate?: boolean | undefined
}

/**
 * Turns texts, or their tokens, into vectors. Each text is a request of its own, and the scheduler batches texts of about
 * the same length. Many texts are queued in pieces.
 *
 * @param options `signal` ends the call, and takes its texts out of the queue. With `truncate` only the beginning of a
 * text that is too long is read.
 * @throws SpillwayError `not_supported` where the model makes no embeddings, `input_value_invalid` for an empty text,
 * `context_exceeded` for a text that is too long; else as a run does.
 */
export async function embed(
  manifest: Manifest,
  { tokenizer, layers }: TextReader,
  texts: readonly (string | readonly number[])[],
  run: RunTokens,
  { signal, truncate = false }: EmbedderOptions = {},
): Promise<Embeddings> {
  const { embedding, outputs } = manifest
  const [output] = outputs
  if (!embedding || !output) {
    throw new SpillwayError('not_supported', `${manifest.id} makes no embeddings`, {
      expected: 'a model of the task feature-extraction with embedding settings',
      got: manifest.task,
    })
  }
  const wholes = texts.map((text) => (typeof text === 'string' ? tokenizer.encode(text, true) : text))
  const sequences = wholes.map((tokens) => tokensToRead(tokens, tokenizer, embedding.context, truncate))
  const embeddings: Float32Array[] = []
  // Texts of about the same length are queued together, and share runs.
  const byLength = [...sequences.entries()].sort(([, one], [, other]) => one.length - other.length)
  await runInPieces(byLength, signal, async ([index, tokens], signal) => {
    const hidden = (await run(inputsOf(manifest, tokens), signal, index))[output.name]
    if (!hidden) throw new SpillwayError('internal', `The run gave no output "${output.name}"`)
    const vector = layers.reduce((vector, layer) => layer(vector), poolTokens(hidden, embedding.pooling))
    embeddings[index] = normalized(vector, embedding.normalize)
  })
  return {
    embeddings,
    promptTokens: sequences.reduce((sum, { length }) => sum + length, 0),
    truncated: [...wholes.keys()].filter((index) => wholes[index] !== sequences[index]),
  }
}

function tokensToRead(
  tokens: readonly number[],
  tokenizer: Tokenizer,
  maxTokens: number,
  truncate: boolean,
): readonly number[] {
  if (tokens.length > 0 && tokens.length <= maxTokens) return tokens
  if (tokens.length > 0 && truncate) return beginningOf(tokens, tokenizer, maxTokens)
  throw new SpillwayError(
    tokens.length === 0 ? 'input_value_invalid' : 'context_exceeded',
    tokens.length === 0 ? 'The text is empty' : 'The text is longer than the model reads',
    { expected: `1 to ${maxTokens} tokens`, got: `${tokens.length}` },
  )
}

/** As many tokens as the model reads, the special ones that end a text among them. */
function beginningOf(tokens: readonly number[], tokenizer: Tokenizer, maxTokens: number): readonly number[] {
  const ends = 1 + tokens.findLastIndex((token) => !tokenizer.isSpecial(token))
  const last = tokens.slice(ends).slice(0, maxTokens)
  return [...tokens.slice(0, maxTokens - last.length), ...last]
}

/** By the names of inputs in the hub's exports of encoders. */
const fillOf: Readonly<Record<string, (token: number, index: number) => number>> = {
  input_ids: (token) => token,
  attention_mask: () => 1,
  token_type_ids: () => 0,
  position_ids: (_token, index) => index,
}

/** By halves of 32 bits: thousands of bigints take milliseconds. */
function int64Of(length: number, valueAt: (index: number) => number): BigInt64Array<ArrayBuffer> {
  const data = new BigInt64Array(length)
  const halves = new Uint32Array(data.buffer)
  for (let index = 0; index < length; index++) {
    const value = valueAt(index)
    halves[2 * index] = value % 2 ** 32
    halves[2 * index + 1] = Math.floor(value / 2 ** 32)
  }
  return data
}

function inputsOf({ id, inputs }: Manifest, tokens: readonly number[]): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {}
  for (const { name, type } of inputs) {
    const fill = fillOf[name]
    if (!fill || type !== 'int64') {
      throw new SpillwayError('not_supported', `${id} has an input that cannot be made from a text`, {
        expected: `int64 ${Object.keys(fillOf).join(', ')}`,
        got: `${type} ${name}`,
      })
    }
    const data = int64Of(tokens.length, (index) => fill(tokens[index] ?? 0, index))
    tensors[name] = { type, data, shape: [1, tokens.length] }
  }
  return tensors
}
