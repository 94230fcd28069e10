import { writeFileSync } from 'node:fs'
import { floatsToHalves } from '../../../models/core/half.ts'
import { randomFrom } from '../../../models/tools/run-model/random-samples.ts'
import type { Matrix } from './llama-reference.ts'

export type StoredType = 'F32' | 'F16' | 'BF16'

/** Bytes of floats as a file stores them. */
export function encodeFloats(values: Float32Array, type: StoredType): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const halves =
    type === 'F16'
      ? floatsToHalves(values)
      : Uint16Array.from(
          new Uint32Array(values.buffer, values.byteOffset, values.length),
          (bits) => bits >>> 16,
        )
  return new Uint8Array(halves.buffer)
}

export function writeSafetensors(path: string, tensors: ReadonlyMap<string, Matrix>, type: StoredType): void {
  let end = 0
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const parts = [...tensors].map(([name, { shape, values }]) => {
    const bytes = encodeFloats(values, type)
    header[name] = { dtype: type, shape, data_offsets: [end, end + bytes.length] }
    end += bytes.length
    return bytes
  })
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(path, Buffer.concat([length, text, ...parts]))
}

export interface Sizes {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly hidden: number
  readonly vocabulary: number
  readonly tied?: boolean
  readonly attentionBias?: readonly ('q' | 'k' | 'v' | 'o')[]
  readonly mlpBias?: boolean
  readonly headNorms?: boolean
}

/** Random weights by the hub's names: numbers that halves and bfloat16 hold exactly. */
export function randomWeights(sizes: Sizes, seed: number): Map<string, Matrix> {
  const { width, heads, kvHeads, headSize, hidden, vocabulary } = sizes
  const random = randomFrom(seed)
  const weights = new Map<string, Matrix>()
  const put = (name: string, shape: readonly number[], scale: number, middle = 0) => {
    const count = shape.reduce((all, size) => all * size, 1)
    const values = Float32Array.from({ length: count }, () => {
      return Math.round((middle + random.normal() * scale) * 64) / 64
    })
    weights.set(name, { shape, values })
  }
  put('model.embed_tokens.weight', [vocabulary, width], 0.5)
  for (let layer = 0; layer < sizes.layers; layer++) {
    const at = `model.layers.${layer}`
    put(`${at}.input_layernorm.weight`, [width], 0.2, 1)
    for (const [role, outputs, inputs] of [
      ['q', heads * headSize, width],
      ['k', kvHeads * headSize, width],
      ['v', kvHeads * headSize, width],
      ['o', width, heads * headSize],
    ] as const) {
      put(`${at}.self_attn.${role}_proj.weight`, [outputs, inputs], 0.2)
      if (sizes.attentionBias?.includes(role)) put(`${at}.self_attn.${role}_proj.bias`, [outputs], 0.5)
    }
    if (sizes.headNorms)
      for (const role of ['q', 'k']) put(`${at}.self_attn.${role}_norm.weight`, [headSize], 0.2, 1)
    put(`${at}.post_attention_layernorm.weight`, [width], 0.2, 1)
    for (const [role, outputs, inputs] of [
      ['gate', hidden, width],
      ['up', hidden, width],
      ['down', width, hidden],
    ] as const) {
      put(`${at}.mlp.${role}_proj.weight`, [outputs, inputs], 0.2)
      if (sizes.mlpBias) put(`${at}.mlp.${role}_proj.bias`, [outputs], 0.5)
    }
  }
  put('model.norm.weight', [width], 0.2, 1)
  if (!sizes.tied) put('lm_head.weight', [vocabulary, width], 0.2)
  return weights
}
