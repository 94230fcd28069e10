import { malformed } from '../../errors.ts'
import { type Weight, weightCount } from '../../onnx/weight.ts'
import type { Checkpoint, Layer, Projection } from '../checkpoint.ts'
import { type Config, shapeOf, windowOf } from './config.ts'
import type { TensorMap } from './safetensors.ts'

/** Tables in old checkpoints that no implementation reads. */
const unusedTensors = /\.rotary_emb\.inv_freq$/

/**
 * A checkpoint of the Llama family with the hub's tensor names. Biases and head normalisations are used where their
 * tensors exist. A tensor that is not used means another architecture and is refused.
 */
export function hubCheckpoint(config: Config, tensors: TensorMap): Checkpoint {
  const shape = shapeOf(config)
  const { width, heads, kvHeads, headSize, vocabulary } = shape
  const asked = new Set<string>()
  const optional = (name: string, ...dims: readonly number[]): Weight | undefined => {
    asked.add(name)
    const weight = tensors.get(name)
    if (weight && weight.dims.join() !== dims.join()) {
      throw malformed(`The tensor "${name}" has another shape than config.json says`, {
        expected: `[${dims.join(', ')}]`,
        got: `[${weight.dims.join(', ')}]`,
      })
    }
    return weight
  }
  const needed = (name: string, ...dims: readonly number[]): Weight => {
    const weight = optional(name, ...dims)
    if (weight) return weight
    throw malformed(`The checkpoint has no tensor "${name}"`)
  }
  const projection = (name: string, outputs: number, inputs: number): Projection => ({
    weight: needed(`${name}.weight`, outputs, inputs),
    bias: optional(`${name}.bias`, outputs),
  })
  const layer = (index: number): Layer => {
    const at = `model.layers.${index}`
    // Some families' config.json lacks it. It is equal in all layers.
    const hidden = tensors.get(`${at}.mlp.gate_proj.weight`)?.dims[0] ?? 0
    return {
      attentionNorm: needed(`${at}.input_layernorm.weight`, width),
      query: projection(`${at}.self_attn.q_proj`, heads * headSize, width),
      key: projection(`${at}.self_attn.k_proj`, kvHeads * headSize, width),
      value: projection(`${at}.self_attn.v_proj`, kvHeads * headSize, width),
      output: projection(`${at}.self_attn.o_proj`, width, heads * headSize),
      queryNorm: optional(`${at}.self_attn.q_norm.weight`, headSize),
      keyNorm: optional(`${at}.self_attn.k_norm.weight`, headSize),
      window: windowOf(config, index),
      mlpNorm: needed(`${at}.post_attention_layernorm.weight`, width),
      gate: projection(`${at}.mlp.gate_proj`, hidden, width),
      up: projection(`${at}.mlp.up_proj`, hidden, width),
      down: projection(`${at}.mlp.down_proj`, width, hidden),
    }
  }
  const head = optional('lm_head.weight', vocabulary, width)
  const checkpoint: Checkpoint = {
    shape,
    embedding: needed('model.embed_tokens.weight', vocabulary, width),
    layers: Array.from({ length: shape.layers }, (_, index) => layer(index)),
    norm: needed('model.norm.weight', width),
    head: config.tie_word_embeddings === true ? undefined : head,
  }
  const left = [...tensors.values()].find(({ name }) => !asked.has(name) && !unusedTensors.test(name))
  if (left && weightCount(left) > 0) {
    throw malformed(`The checkpoint has a tensor that the family ${config.model_type} does not`, {
      got: left.name,
    })
  }
  return checkpoint
}
