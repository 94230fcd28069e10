import * as z from 'zod/mini'
import { fileSpec } from './file-spec.ts'

const positive = z.int().check(z.positive())
const token = z.int().check(z.nonnegative())
const share = z.number().check(z.nonnegative(), z.maximum(1))

/** Settings of a language model that decoding needs. */
export const generation = z.strictObject({
  /** Longest sequence in tokens, prompt and generated tokens together. */
  context: positive,
  /** Number of tokens in the vocabulary. */
  vocabulary: positive,
  /** Ids of tokens that end a text. */
  stopTokens: z.array(token),
  /**
   * The KV cache. Its tensors are not listed among the manifest's inputs and outputs: inputs are
   * `past_key_values.{layer}.key` and `.value`, outputs are `present.{layer}.key` and `.value`. Each has the shape
   * `[batch, heads, length, headDim]` and the variant's `kvType`.
   */
  kv: z.strictObject({
    layers: positive,
    /** Key and value heads; several query heads may share one. */
    heads: positive,
    headDim: positive,
  }),
  /**
   * Whether sequences of different lengths may share a step (`GroupQueryAttention`). Absent where the manifest was made
   * without the graph: the lane then reads it from the graph's bytes.
   */
  batched: z.optional(z.boolean()),
  /** Default sampling of requests. */
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

/** How a text-embedding model's first output, one vector per token, becomes one vector per text. */
export const embedding = z.strictObject({
  /**
   * The mean over the tokens, the vector of the first (`cls`) or last token, the largest of each number (`max`), the sum
   * over the square root of the count (`mean_sqrt_len`), or the mean with the weights 1, 2, 3 and so on
   * (`weighted_mean`).
   */
  pooling: z.enum(['mean', 'cls', 'last', 'max', 'mean_sqrt_len', 'weighted_mean']),
  /** Layers that the pooled vector goes through, in their order: the modules `Dense` of sentence-transformers. */
  dense: z.optional(
    z
      .array(
        z.strictObject({
          /** A safetensors file with the float32 tensors `linear.weight` `[outputs, inputs]` and `linear.bias`. */
          file: fileSpec,
          inputs: positive,
          outputs: positive,
          bias: z.boolean(),
          activation: z.enum(['identity', 'tanh', 'relu']),
        }),
      )
      .check(z.minLength(1)),
  ),
  /** Whether the vector is scaled to length 1 in the end. */
  normalize: z.boolean(),
  /** Longest text in tokens. */
  context: positive,
})

/** See `generation`. */
export type GenerationSpec = z.infer<typeof generation>
/** See `embedding`. */
export type EmbeddingSpec = z.infer<typeof embedding>
