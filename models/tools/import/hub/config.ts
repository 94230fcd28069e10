import * as z from 'zod/mini'
import { SpillwayError } from '../../../core/error.ts'
import type { ModelShape } from '../checkpoint.ts'
import type { Rope, RopeScaling } from '../rope.ts'

const size = z.int().check(z.positive(), z.maximum(1e9))
const positive = z.number().check(z.positive())
const ids = z.nullish(z.union([z.int(), z.array(z.int())]))

const scaling = z.looseObject({
  rope_type: z.optional(z.string()),
  type: z.optional(z.string()),
  rope_theta: z.optional(positive),
  factor: z.optional(positive),
  low_freq_factor: z.optional(positive),
  high_freq_factor: z.optional(positive),
  original_max_position_embeddings: z.optional(size),
  beta_fast: z.nullish(positive),
  beta_slow: z.nullish(positive),
  attention_factor: z.nullish(positive),
  mscale: z.nullish(z.number()),
})

/** The fields of a `config.json` that determine how the family's models compute. */
export const config = z.looseObject({
  model_type: z.string(),
  hidden_size: size,
  num_hidden_layers: size.check(z.maximum(1_000)),
  num_attention_heads: size,
  num_key_value_heads: z.optional(size),
  head_dim: z.nullish(size),
  vocab_size: size,
  max_position_embeddings: size,
  rms_norm_eps: positive,
  hidden_act: z.optional(z.string()),
  tie_word_embeddings: z.optional(z.boolean()),
  rope_theta: z.optional(positive),
  rope_scaling: z.nullish(scaling),
  rope_parameters: z.nullish(scaling),
  partial_rotary_factor: z.nullish(z.number()),
  sliding_window: z.nullish(size),
  use_sliding_window: z.optional(z.boolean()),
  max_window_layers: z.optional(z.int()),
  layer_types: z.nullish(z.array(z.string())),
  eos_token_id: ids,
})
export type Config = z.infer<typeof config>

const families: readonly string[] = ['llama', 'mistral', 'qwen2', 'qwen3']

/** @throws SpillwayError `not_supported` for settings that the graph cannot compute. */
export function shapeOf(config: Config): ModelShape {
  const { model_type, hidden_act = 'silu', num_attention_heads: heads, partial_rotary_factor } = config
  if (!families.includes(model_type)) throw unsupported('model_type', families.join(', '), model_type)
  if (hidden_act !== 'silu') throw unsupported('hidden_act', 'silu', hidden_act)
  if (partial_rotary_factor && partial_rotary_factor !== 1)
    throw unsupported('partial_rotary_factor', '1', `${partial_rotary_factor}`)
  const kvHeads = config.num_key_value_heads ?? heads
  const headSize = config.head_dim ?? config.hidden_size / heads
  if (heads % kvHeads !== 0) throw unsupported('num_key_value_heads', `a divisor of ${heads}`, `${kvHeads}`)
  if (headSize % 2 !== 0) throw unsupported('head_dim', 'an even number', `${headSize}`)
  return {
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    heads,
    kvHeads,
    headSize,
    vocabulary: config.vocab_size,
    context: config.max_position_embeddings,
    epsilon: config.rms_norm_eps,
    rope: ropeOf(config),
  }
}

/** The sliding window of a layer in tokens; undefined: full attention. */
export function windowOf(config: Config, layer: number): number | undefined {
  const { model_type, sliding_window: window, layer_types: types } = config
  if (!window || window >= config.max_position_embeddings) return undefined
  if (types) return types[layer] === 'sliding_attention' ? window : undefined
  if (model_type === 'mistral') return window
  // Qwen's first layers have full attention.
  const used = config.use_sliding_window === true && layer >= (config.max_window_layers ?? 0)
  return model_type !== 'llama' && used ? window : undefined
}

function ropeOf({ rope_parameters, rope_scaling, rope_theta, max_position_embeddings }: Config): Rope {
  const given = rope_parameters ?? rope_scaling ?? {}
  const theta = given.rope_theta ?? rope_theta ?? 10_000
  return { theta, scaling: scalingOf(given, max_position_embeddings) }
}

function scalingOf(given: z.infer<typeof scaling>, context: number): RopeScaling {
  const type = given.rope_type ?? given.type ?? 'default'
  const factor = given.factor ?? 1
  const original = given.original_max_position_embeddings ?? context
  switch (type) {
    case 'default':
      return { type }
    case 'linear':
      return { type, factor }
    case 'llama3':
      return {
        type,
        factor,
        lowFactor: given.low_freq_factor ?? 1,
        highFactor: given.high_freq_factor ?? 4,
        original,
      }
    case 'yarn':
      if (given.mscale) throw unsupported('rope_scaling.mscale', 'none', `${given.mscale}`)
      return {
        type,
        factor,
        fast: given.beta_fast ?? 32,
        slow: given.beta_slow ?? 1,
        original,
        attention: given.attention_factor ?? (factor > 1 ? 0.1 * Math.log(factor) + 1 : 1),
      }
    default:
      throw unsupported('rope_scaling', 'default, linear, llama3, yarn', type)
  }
}

const unsupported = (field: string, expected: string, got: string) =>
  new SpillwayError('not_supported', `A model with this ${field} cannot be imported`, { expected, got })
