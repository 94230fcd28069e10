import * as z from 'zod/mini'

const positive = z.int().check(z.positive())
const token = z.int().check(z.nonnegative())
const share = z.number().check(z.nonnegative(), z.maximum(1))

/** What decoding needs to know of a language model. */
export const generation = z.strictObject({
  /** Tokens that a sequence may have, prompt and new ones together. */
  context: positive,
  vocabulary: positive,
  /** Tokens that end a text. */
  stopTokens: z.array(token),
  /**
   * The cache of keys and values. Its tensors are not among the manifest's inputs and outputs:
   * `past_key_values.{layer}.key` and `.value` go in, `present.{layer}.key` and `.value` come out,
   * each `[batch, heads, length, headDim]` of the variant's `kvType`.
   */
  kv: z.strictObject({
    layers: positive,
    /** Of keys and values, which several query heads may share. */
    heads: positive,
    headDim: positive,
  }),
  /**
   * Whether sequences of different lengths may share a step (`GroupQueryAttention`). Where a manifest was made without
   * its graph it is absent, and a lane that is given the graph's bytes looks.
   */
  batched: z.optional(z.boolean()),
  /** What sampling is where a request says nothing. */
  sampling: z.optional(
    z.strictObject({
      temperature: z.optional(z.number().check(z.nonnegative())),
      topK: z.optional(positive),
      topP: z.optional(share),
      minP: z.optional(share),
      repetitionPenalty: z.optional(z.number().check(z.positive())),
    }),
  ),
})

/** How the first output of a model that embeds text, one vector a token, becomes one vector a text. */
export const embedding = z.strictObject({
  /** The mean over the text's tokens, or the vector of its first or last. */
  pooling: z.enum(['mean', 'cls', 'last']),
  /** Whether the vector is scaled to length one. */
  normalize: z.boolean(),
  /** Tokens that a text may have. */
  context: positive,
})

export type GenerationSpec = z.infer<typeof generation>
export type EmbeddingSpec = z.infer<typeof embedding>

/** Keys and values of one token in one layer: `heads` × `headDim` numbers each. */
export interface KvSpec {
  readonly layers: number
  readonly heads: number
  readonly headDim: number
  readonly type: 'float32' | 'float16'
}

export const bytesPerToken = ({ layers, heads, headDim, type }: KvSpec): number =>
  2 * layers * heads * headDim * (type === 'float16' ? 2 : 4)
