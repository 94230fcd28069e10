import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { elementCount } from '../../../../models/core/tensor.ts'
import { randomWeights } from './random-weights.ts'
import type { Sizes } from './sizes.ts'
import { tokenizerOf } from './tokenizer.ts'

interface WeightSpec {
  readonly name: string
  readonly shape: readonly number[]
  /** The standard deviation of its numbers. Absent: all are one, as in a normalisation. */
  readonly deviation?: number
}

/** The weights of a Qwen2 model, with deviations at which no layer's numbers grow beyond 16-bit floats. */
function weightsOf({ layers, width, heads, kvHeads, headSize, hidden, vocabulary }: Sizes): WeightSpec[] {
  const layer = (index: number): WeightSpec[] => {
    const at = `model.layers.${index}`
    const projections = (['q', 'k', 'v'] as const).flatMap((role) => {
      const outputs = (role === 'q' ? heads : kvHeads) * headSize
      return [
        { name: `${at}.self_attn.${role}_proj.weight`, shape: [outputs, width], deviation: 0.03 },
        { name: `${at}.self_attn.${role}_proj.bias`, shape: [outputs], deviation: 0.1 },
      ]
    })
    return [
      { name: `${at}.input_layernorm.weight`, shape: [width] },
      ...projections,
      { name: `${at}.self_attn.o_proj.weight`, shape: [width, heads * headSize], deviation: 0.03 },
      { name: `${at}.post_attention_layernorm.weight`, shape: [width] },
      { name: `${at}.mlp.gate_proj.weight`, shape: [hidden, width], deviation: 0.03 },
      { name: `${at}.mlp.up_proj.weight`, shape: [hidden, width], deviation: 0.03 },
      { name: `${at}.mlp.down_proj.weight`, shape: [width, hidden], deviation: 0.02 },
    ]
  }
  return [
    { name: 'model.embed_tokens.weight', shape: [vocabulary, width], deviation: 0.02 },
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    { name: 'model.norm.weight', shape: [width] },
  ]
}

/** Writes a model of random weights as a folder of the hub has it: `config.json`, safetensors of halves, a tokenizer. */
export function writeCheckpoint(folder: string, sizes: Sizes): void {
  mkdirSync(folder, { recursive: true })
  const json = (name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value))
  writeSafetensors(join(folder, 'model.safetensors'), weightsOf(sizes))
  json('tokenizer.json', tokenizerOf(sizes.vocabulary))
  // Without `eos_token_id`: a text has as many tokens as are asked for.
  json('config.json', {
    model_type: 'qwen2',
    architectures: ['Qwen2ForCausalLM'],
    hidden_act: 'silu',
    hidden_size: sizes.width,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.kvHeads,
    head_dim: sizes.headSize,
    intermediate_size: sizes.hidden,
    vocab_size: sizes.vocabulary,
    max_position_embeddings: sizes.context,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    tie_word_embeddings: true,
    torch_dtype: 'float16',
  })
}

function writeSafetensors(path: string, weights: readonly WeightSpec[]): void {
  let offset = 0
  const entries = weights.map(({ name, shape }) => {
    const start = offset
    offset += 2 * elementCount(shape)
    return [name, { dtype: 'F16', shape, data_offsets: [start, offset] }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const random = randomWeights(7)
  const file = openSync(path, 'w')
  try {
    for (const bytes of [length, header]) writeSync(file, bytes)
    for (const { shape, deviation } of weights) {
      const count = elementCount(shape)
      const pieces =
        deviation === undefined
          ? random.constant('float16', count, 1)
          : random.normal('float16', count, deviation)
      for (const bytes of pieces) writeSync(file, bytes)
    }
  } finally {
    closeSync(file)
  }
}
