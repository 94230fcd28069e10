import * as z from 'zod/mini'
import { type FileSpec, fileSpec } from './file-spec.ts'
import { modelName } from './model-name.ts'

const positive = z.int().check(z.positive())
const token = z.int().check(z.nonnegative())
const marker = z.string().check(z.minLength(1))
const share = z.number().check(z.nonnegative(), z.maximum(1))

/** How families of models write calls of tools, by vLLM's names. */
export const toolFormats = ['hermes', 'llama3_json', 'mistral'] as const
/** See `toolFormats`. */
export type ToolFormat = (typeof toolFormats)[number]

/** Schema of a language model's settings. */
export const generation = z.strictObject({
  context: positive,
  vocabulary: positive,
  stopTokens: z.array(token),
  kv: z.strictObject({ layers: positive, heads: positive, headDim: positive }),
  batched: z.optional(z.boolean()),
  adapters: z.optional(
    z.array(modelName).check(
      z.minLength(1),
      z.refine((names) => new Set(names).size === names.length, 'names, none of them twice'),
    ),
  ),
  draft: z.optional(modelName),
  sampling: z.optional(
    z.strictObject({
      temperature: z.optional(z.number().check(z.nonnegative())),
      topK: z.optional(positive),
      topP: z.optional(share),
      minP: z.optional(share),
      repetitionPenalty: z.optional(z.number().check(z.positive())),
    }),
  ),
  output: z.optional(
    z.strictObject({
      reasoning: z.optional(z.strictObject({ open: marker, close: marker })),
      tools: z.optional(z.enum(toolFormats)),
    }),
  ),
})

/** Schema of a text-embedding model's settings. */
export const embedding = z.strictObject({
  pooling: z.enum(['mean', 'cls', 'last', 'max', 'mean_sqrt_len', 'weighted_mean']),
  dense: z.optional(
    z
      .array(
        z.strictObject({
          file: fileSpec,
          inputs: positive,
          outputs: positive,
          bias: z.boolean(),
          activation: z.enum(['identity', 'tanh', 'relu']),
        }),
      )
      .check(z.minLength(1)),
  ),
  normalize: z.boolean(),
  context: positive,
})

/** Settings of a language model that decoding needs. */
export interface GenerationSpec {
  /** Longest sequence in tokens, prompt and generated tokens together. */
  context: number
  /** Number of tokens in the vocabulary. */
  vocabulary: number
  /** Ids of tokens that end a text. */
  stopTokens: number[]
  /**
   * The KV cache. Its tensors are not listed among the manifest's inputs and outputs: inputs are
   * `past_key_values.{layer}.key` and `.value`, outputs are `present.{layer}.key` and `.value`. Each has the shape
   * `[batch, heads, length, headDim]` and the variant's `kvType`. Several query heads may share one of its `heads`.
   */
  kv: { layers: number; heads: number; headDim: number }
  /**
   * Whether sequences of different lengths may share a step (`GroupQueryAttention`). Absent where the manifest was made
   * without the graph: the lane then reads it from the graph's bytes.
   */
  batched?: boolean | undefined
  /**
   * Names of the LoRA adapters in the graph, as `spillway adapt` writes it: its input `adapter_ids` `[batch]` is 0 for the
   * model itself, 1 for the first adapter, and so on. Rows of different adapters may share a step.
   */
  adapters?: string[] | undefined
  /**
   * The id of a small model with the same tokens: it guesses how a text goes on, and this one verifies the guesses. Texts
   * are the same without it.
   */
  draft?: string | undefined
  /** Default sampling of requests. */
  sampling?:
    | {
        temperature?: number | undefined
        topK?: number | undefined
        topP?: number | undefined
        minP?: number | undefined
        repetitionPenalty?: number | undefined
      }
    | undefined
  /** How chats' answers are marked, where the chat template does not show it. */
  output?:
    | {
        /** What stands before and after a thought: `<think>` and `</think>`. */
        reasoning?: { open: string; close: string } | undefined
        /**
         * How it calls tools: `hermes` (`<tool_call>` with JSON; Qwen too), `llama3_json` (JSON alone), or `mistral`
         * (`[TOOL_CALLS]` with a list).
         */
        tools?: ToolFormat | undefined
      }
    | undefined
}

/** How a text-embedding model's first output, one vector per token, becomes one vector per text. */
export interface EmbeddingSpec {
  /**
   * The mean over the tokens, the vector of the first (`cls`) or last token, the largest of each number (`max`), the sum
   * over the square root of the count (`mean_sqrt_len`), or the mean with the weights 1, 2, 3 and so on
   * (`weighted_mean`).
   */
  pooling: 'mean' | 'cls' | 'last' | 'max' | 'mean_sqrt_len' | 'weighted_mean'
  /** Layers that the pooled vector goes through, in their order: the modules `Dense` of sentence-transformers. */
  dense?: DenseSpec[] | undefined
  /** Whether the vector is scaled to length 1 in the end. */
  normalize: boolean
  /** Longest text in tokens. */
  context: number
}

/** A dense layer behind the pooling. */
export interface DenseSpec {
  /** A safetensors file with the float32 tensors `linear.weight` `[outputs, inputs]` and `linear.bias`. */
  file: FileSpec
  inputs: number
  outputs: number
  bias: boolean
  activation: 'identity' | 'tanh' | 'relu'
}
