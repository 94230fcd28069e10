import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Checkpoint, Layer, Projection } from '../../models/tools/import/checkpoint.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { floatsOf } from '../../models/tools/onnx/values.ts'
import { weightFrom } from '../../models/tools/onnx/weight.ts'
import { randomFrom } from '../../models/tools/run-model/random-samples.ts'
import type { Matrix } from '../tools/support/llama-reference.ts'
import { writeSafetensors } from '../tools/support/safetensors.ts'

/** A random LoRA adapter: its settings as PEFT has them, and its matrices by PEFT's names. */
export interface TestAdapter {
  readonly config: Readonly<Record<string, unknown>>
  readonly tensors: ReadonlyMap<string, Matrix>
}

export interface TestAdapterOptions {
  readonly seed: number
  readonly rank: number
  readonly alpha: number
  /** Modules that it changes, by their names in a checkpoint's layer. */
  readonly roles: readonly Role[]
  readonly config?: Readonly<Record<string, unknown>>
}

const modules = {
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  output: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
} as const
export type Role = keyof typeof modules
export const allRoles = Object.keys(modules) as Role[]

const tensorName = (layer: number, role: Role, side: 'A' | 'B') =>
  `base_model.model.model.layers.${layer}.${modules[role]}.lora_${side}.weight`

export function randomAdapter(
  { layers }: Checkpoint,
  { seed, rank, alpha, roles, config = {} }: TestAdapterOptions,
): TestAdapter {
  const random = randomFrom(seed)
  const tensors = new Map<string, Matrix>()
  const matrix = (rows: number, columns: number): Matrix => ({
    shape: [rows, columns],
    values: Float32Array.from({ length: rows * columns }, () => 0.1 * random.normal()),
  })
  for (const [index, layer] of layers.entries()) {
    for (const role of roles) {
      const [outputs = 0, inputs = 0] = layer[role].weight.dims
      tensors.set(tensorName(index, role, 'A'), matrix(rank, inputs))
      tensors.set(tensorName(index, role, 'B'), matrix(outputs, rank))
    }
  }
  const target_modules = roles.map((role) => modules[role].split('.')[1])
  return {
    config: {
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'karpathy/stories260K',
      r: rank,
      lora_alpha: alpha,
      target_modules,
      bias: 'none',
      use_dora: false,
      modules_to_save: null,
      init_lora_weights: true,
      rank_pattern: {},
      alpha_pattern: {},
      ...config,
    },
    tensors,
  }
}

export function writeAdapter(folder: string, { config, tensors }: TestAdapter): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(config))
  writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors, 'F32')
}

/** The checkpoint with an adapter merged into its weights: `W + alpha / rank · B A`. */
export function merge(checkpoint: Checkpoint, { config, tensors }: TestAdapter): Checkpoint {
  const scale = Number(config.lora_alpha) / Number(config.r)
  const merged = (projection: Projection, layer: number, role: Role): Projection => {
    const [a, b] = [tensors.get(tensorName(layer, role, 'A')), tensors.get(tensorName(layer, role, 'B'))]
    if (!a || !b) return projection
    const { weight } = projection
    const values = Float32Array.from(floatsOf(weight))
    const [outputs = 0, inputs = 0] = weight.dims
    const [rank = 0] = a.shape
    for (let output = 0; output < outputs; output++) {
      for (let input = 0; input < inputs; input++) {
        let sum = 0
        for (let at = 0; at < rank; at++)
          sum += (b.values[output * rank + at] ?? 0) * (a.values[at * inputs + input] ?? 0)
        values[output * inputs + input] = (values[output * inputs + input] ?? 0) + scale * sum
      }
    }
    return { ...projection, weight: weightFrom(weight.name, DataType.FLOAT, weight.dims, values) }
  }
  return {
    ...checkpoint,
    layers: checkpoint.layers.map((layer, index): Layer => {
      const changed = Object.fromEntries(allRoles.map((role) => [role, merged(layer[role], index, role)]))
      return { ...layer, ...changed }
    }),
  }
}
