import { type Manifest, SpillwayError, type Tensor } from '../../../../models/core/index.ts'
import type { Tokenizer } from '../types.ts'
import { poolTokens } from './pool-tokens.ts'

/** The vectors of texts, and the tokens that were read for them. */
export interface EmbedResult {
  /** One a text, in their order. */
  readonly embeddings: readonly Float32Array[]
  /** Tokens of all texts together. */
  readonly promptTokens: number
}

/** Runs one text's tokens: rows that run together are the scheduler's to put together. */
export type RunTokens = (
  inputs: Readonly<Record<string, Tensor>>,
) => Promise<Readonly<Record<string, Tensor>>>

/**
 * Texts, or their tokens, as vectors. Every text is a request of its own: the scheduler puts those of about the same
 * length into one run.
 *
 * @throws SpillwayError `not_supported` where the model makes no embeddings, `context_exceeded` for a text that is too long.
 */
export async function embed(
  manifest: Manifest,
  tokenizer: Tokenizer,
  texts: readonly (string | readonly number[])[],
  run: RunTokens,
): Promise<EmbedResult> {
  const { embedding, outputs } = manifest
  const [output] = outputs
  if (!embedding || !output) {
    throw new SpillwayError('not_supported', `${manifest.id} makes no embeddings`, {
      expected: 'a model of the task feature-extraction with embedding settings',
      got: manifest.task,
    })
  }
  const sequences = texts.map((text) => tokensOf(text, tokenizer, embedding.context))
  const embeddings = await Promise.all(
    sequences.map(async (tokens) => {
      const hidden = (await run(inputsOf(manifest, tokens)))[output.name]
      if (!hidden) throw new SpillwayError('internal', `The run gave no output "${output.name}"`)
      return poolTokens(hidden, embedding)
    }),
  )
  return { embeddings, promptTokens: sequences.reduce((sum, { length }) => sum + length, 0) }
}

function tokensOf(text: string | readonly number[], tokenizer: Tokenizer, most: number): readonly number[] {
  const tokens = typeof text === 'string' ? tokenizer.encode(text, true) : text
  if (tokens.length > 0 && tokens.length <= most) return tokens
  throw new SpillwayError(
    tokens.length === 0 ? 'input_value_invalid' : 'context_exceeded',
    tokens.length === 0 ? 'The text is empty' : 'The text is longer than the model reads',
    { expected: `1 to ${most} tokens`, got: `${tokens.length}` },
  )
}

/** As the hub's exports of encoders name them. */
const fillOf: Readonly<Record<string, (token: number, index: number) => number>> = {
  input_ids: (token) => token,
  attention_mask: () => 1,
  token_type_ids: () => 0,
  position_ids: (_token, index) => index,
}

function inputsOf({ id, inputs }: Manifest, tokens: readonly number[]): Record<string, Tensor> {
  const made: Record<string, Tensor> = {}
  for (const { name, type } of inputs) {
    const fill = fillOf[name]
    if (!fill || type !== 'int64') {
      throw new SpillwayError('not_supported', `${id} has an input that no text gives`, {
        expected: `int64 ${Object.keys(fillOf).join(', ')}`,
        got: `${type} ${name}`,
      })
    }
    const data = BigInt64Array.from(tokens, (token, index) => BigInt(fill(token, index)))
    made[name] = { type, data, shape: [1, tokens.length] }
  }
  return made
}
