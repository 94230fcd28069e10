import { SpillwayError } from '../core/error.ts'
import type { GenerationSpec } from '../core/language.ts'
import type { Variant } from '../core/manifest.ts'
import type { Configs, GenerationConfig, ModelConfig } from './config.ts'
import { pagedSuffix } from './layout.ts'

/** A tokenizer without a limit has a `model_max_length` of 10³⁰. */
export const noLimit = 1e9

export const contextOf = ({ model, tokenizer }: Configs): number => {
  const maxLength = tokenizer.model_max_length ?? noLimit
  const positions = model.max_position_embeddings ?? model.n_positions ?? model.n_ctx
  return positions ?? (maxLength < noLimit ? maxLength : 2048)
}

/** The cache's shape. Each family of configurations names its dimensions differently. */
function cacheOf(model: ModelConfig): GenerationSpec['kv'] | undefined {
  const layers = model.num_hidden_layers ?? model.n_layer ?? model.num_layers
  const queries = model.num_attention_heads ?? model.n_head ?? model.num_heads
  const heads = model.multi_query ? 1 : (model.num_key_value_heads ?? queries)
  const hidden = model.hidden_size ?? model.n_embd
  const headDim = model.head_dim ?? (hidden && queries ? hidden / queries : undefined)
  if (!layers || !heads || !headDim || !Number.isInteger(headDim)) return undefined
  return { layers, heads, headDim }
}

const attention = ['full_attention', 'sliding_attention']

/**
 * @param known Facts read from the graph.
 * @throws SpillwayError `not_supported` for a model whose cache is not the keys and values of every layer.
 */
export function generationOf(
  configs: Configs,
  from: string,
  known?: Partial<Pick<GenerationSpec, 'kv' | 'vocabulary' | 'batched'>>,
): GenerationSpec {
  const { model, generation } = configs
  const kv = known?.kv ?? cacheOf(model)
  const vocabulary = known?.vocabulary ?? model.vocab_size
  const other = model.layer_types?.find((type) => !attention.includes(type))
  if (!kv || !vocabulary || other !== undefined || model.is_encoder_decoder) {
    throw new SpillwayError('not_supported', `Text cannot be generated with ${from}`, {
      expected: 'a decoder whose config.json tells its layers, heads, head size and vocabulary',
      got: other ?? model.architectures?.join(', ') ?? model.model_type ?? 'no architecture',
    })
  }
  const ends = generation.eos_token_id ?? model.eos_token_id ?? []
  const sampling = samplingOf(generation)
  return {
    context: contextOf(configs),
    vocabulary,
    stopTokens: typeof ends === 'number' ? [ends] : ends,
    kv,
    ...(known?.batched === undefined ? {} : { batched: known.batched }),
    ...(sampling ? { sampling } : {}),
  }
}

/** Values that mean "off", such as a top_k of 0, are left out. */
function samplingOf(config: GenerationConfig): GenerationSpec['sampling'] {
  const { do_sample, temperature, top_k, top_p, min_p, repetition_penalty } = config
  const sampling = {
    ...(repetition_penalty && repetition_penalty !== 1 ? { repetitionPenalty: repetition_penalty } : {}),
    ...(do_sample ? { temperature: temperature ?? 1 } : {}),
    ...(do_sample && top_k ? { topK: top_k } : {}),
    ...(do_sample && top_p && top_p < 1 ? { topP: top_p } : {}),
    ...(do_sample && min_p ? { minP: min_p } : {}),
  }
  return Object.keys(sampling).length === 0 ? undefined : sampling
}

/** The element type of a variant's cache, as converters record it for transformers.js. */
export function kvTypeOf(id: string, { model }: Configs): Variant['kvType'] {
  // WebGPU has no other blocks.
  if (id.endsWith(pagedSuffix)) return 'float16'
  const recorded = model['transformers.js_config']?.kv_cache_dtype
  const type = typeof recorded === 'string' ? recorded : recorded?.[id]
  return type === 'float16' ? 'float16' : 'float32'
}
