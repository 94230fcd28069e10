import * as z from 'zod/mini'
import { messageOf, SpillwayError } from '../core/error.ts'
import { schemaError } from '../core/schema-error.ts'
import type { Folder } from './folder.ts'

const count = z.optional(z.nullable(z.int().check(z.positive())))
const number = z.optional(z.nullable(z.number()))
const tokens = z.optional(z.nullable(z.union([z.int(), z.array(z.int())])))
const text = z.optional(z.nullable(z.string()))
const flag = z.optional(z.nullable(z.boolean()))

/** The fields used of `config.json`. Architectures name the same value differently. */
const modelConfig = z.looseObject({
  architectures: z.optional(z.nullable(z.array(z.string()))),
  model_type: text,
  vocab_size: count,
  hidden_size: count,
  n_embd: count,
  num_hidden_layers: count,
  n_layer: count,
  num_layers: count,
  num_attention_heads: count,
  n_head: count,
  num_heads: count,
  num_key_value_heads: count,
  multi_query: flag,
  head_dim: count,
  max_position_embeddings: count,
  n_positions: count,
  n_ctx: count,
  type_vocab_size: z.optional(z.nullable(z.int())),
  pad_token_id: z.optional(z.nullable(z.int())),
  eos_token_id: tokens,
  layer_types: z.optional(z.nullable(z.array(z.string()))),
  is_encoder_decoder: flag,
  image_size: z.optional(z.nullable(z.union([z.int(), z.array(z.int())]))),
  num_channels: count,
  id2label: z.optional(z.nullable(z.record(z.string(), z.string()))),
  'transformers.js_config': z.optional(
    z.looseObject({
      kv_cache_dtype: z.optional(z.union([z.string(), z.record(z.string(), z.string())])),
    }),
  ),
})

const generationConfig = z.looseObject({
  eos_token_id: tokens,
  do_sample: flag,
  temperature: number,
  top_k: number,
  top_p: number,
  min_p: number,
  repetition_penalty: number,
})

const tokenizerConfig = z.looseObject({ model_max_length: number, do_lower_case: flag })

const side = z.optional(z.nullable(z.int().check(z.positive())))
const sizes = z.union([z.int(), z.looseObject({ height: side, width: side, shortest_edge: side })])
const preprocessorConfig = z.looseObject({
  size: z.optional(z.nullable(sizes)),
  crop_size: z.optional(z.nullable(sizes)),
  do_center_crop: flag,
  image_mean: z.optional(z.nullable(z.array(z.number()))),
  image_std: z.optional(z.nullable(z.array(z.number()))),
})

const sentenceConfig = z.looseObject({ max_seq_length: count, do_lower_case: flag })

export type ModelConfig = z.infer<typeof modelConfig>
export type GenerationConfig = z.infer<typeof generationConfig>
export type PreprocessorConfig = z.infer<typeof preprocessorConfig>

/** The configurations beside a model. A missing one is empty. */
export interface Configs {
  readonly model: ModelConfig
  readonly generation: GenerationConfig
  readonly tokenizer: z.infer<typeof tokenizerConfig>
  readonly preprocessor: PreprocessorConfig
  readonly sentence: z.infer<typeof sentenceConfig>
}

/** @throws SpillwayError `model_invalid`, naming the file and the field. */
export async function readConfigs(folder: Folder): Promise<Configs> {
  const [model, generation, tokenizer, preprocessor, sentence] = await Promise.all([
    readConfig(folder, 'config.json', modelConfig),
    readConfig(folder, 'generation_config.json', generationConfig),
    readConfig(folder, 'tokenizer_config.json', tokenizerConfig),
    readConfig(folder, 'preprocessor_config.json', preprocessorConfig),
    readConfig(folder, 'sentence_bert_config.json', sentenceConfig),
  ])
  return { model, generation, tokenizer, preprocessor, sentence }
}

/**
 * @param absent The value of a file that is not there.
 * @throws SpillwayError `model_invalid`, naming the file and the field.
 */
export async function readConfig<T extends z.ZodMiniType>(
  folder: Folder,
  path: string,
  schema: T,
  absent: unknown = {},
): Promise<z.infer<T>> {
  const value = folder.sizes.has(path) ? parseJson(path, await folder.read(path)) : absent
  const parsed = z.safeParse(schema, value)
  if (parsed.success) return parsed.data
  throw schemaError('model_invalid', path, parsed.error, value)
}

function parseJson(path: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new SpillwayError('model_invalid', `${path} is not JSON: ${messageOf(cause)}`, {}, { cause })
  }
}
