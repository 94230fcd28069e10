import * as z from 'zod/mini'
import { SpillwayError } from '../../core/error.ts'
import { showValue } from '../../core/wording.ts'
import { malformed } from '../errors.ts'
import { parse } from '../import/hub/safetensors.ts'

const size = z.int().check(z.positive(), z.maximum(1e6))
const alpha = z.number().check(z.positive())

const schema = z.looseObject({
  peft_type: z.string(),
  base_model_name_or_path: z.nullish(z.string()),
  r: size,
  lora_alpha: alpha,
  use_rslora: z.nullish(z.boolean()),
  rank_pattern: z.nullish(z.record(z.string(), size)),
  alpha_pattern: z.nullish(z.record(z.string(), alpha)),
  layers_to_transform: z.nullish(z.union([z.int(), z.array(z.int())])),
})
type Fields = z.infer<typeof schema>

/** Fields of `LoraConfig` that change nothing once an adapter is trained, or that the tensors show. */
const harmless: ReadonlySet<string> = new Set([
  ...Object.keys(schema.def.shape),
  'auto_mapping',
  'ensure_weight_tying',
  'eva_config',
  'exclude_modules',
  'inference_mode',
  'layers_pattern',
  'lora_dropout',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'runtime_config',
  'target_modules',
  'task_type',
])

/** Starts of training that leave the model's own weights as they are. */
const plainStarts: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal']

/** What an adapter's `adapter_config.json` says of its scales. */
export interface PeftConfig {
  readonly base: string | undefined
  readonly skipsLayers: boolean
  /** The factor of a module's product. @param rank As its tensors have it. */
  scaleOf(module: string, rank: number): number
}

/** @throws SpillwayError `model_invalid`, or `not_supported` for a setting that a graph cannot compute or that is unknown. */
export function readPeftConfig(value: unknown, path: string): PeftConfig {
  const fields = parse(schema, value, path)
  if (fields.peft_type !== 'LORA') throw unsupported('peft_type', fields.peft_type, 'LORA')
  for (const [name, setting] of Object.entries(fields)) checkSetting(name, setting)
  return {
    base: fields.base_model_name_or_path ?? undefined,
    skipsLayers: fields.layers_to_transform != null,
    scaleOf: (module, rank) => scaleOf(fields, module, rank),
  }
}

function checkSetting(name: string, setting: unknown): void {
  if (harmless.has(name) || isOff(setting)) return
  if (name === 'bias' && setting === 'none') return
  if (name === 'init_lora_weights' && plainStarts.includes(setting)) return
  throw unsupported(name, showValue(setting), name === 'bias' ? '"none"' : 'a plain LoRA adapter without it')
}

/** Settings that are not used have one of these values. */
const isOff = (setting: unknown): boolean =>
  setting == null || setting === false || (typeof setting === 'object' && Object.keys(setting).length === 0)

function scaleOf(
  { r, lora_alpha, use_rslora, rank_pattern, alpha_pattern }: Fields,
  module: string,
  rank: number,
): number {
  const expected = valueFor(rank_pattern, module) ?? r
  if (rank !== expected) {
    throw malformed(`The rank of "${module}" is another than adapter_config.json says`, {
      expected: `${expected}`,
      got: `${rank}`,
    })
  }
  return (valueFor(alpha_pattern, module) ?? lora_alpha) / (use_rslora ? Math.sqrt(rank) : rank)
}

/** The value of the first pattern that a module's name ends with, as PEFT finds it. */
function valueFor(
  patterns: Readonly<Record<string, number>> | null | undefined,
  module: string,
): number | undefined {
  for (const [pattern, value] of Object.entries(patterns ?? {})) {
    if (patternOf(pattern).test(module)) return value
  }
  return undefined
}

function patternOf(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:.*\\.)?(?:${pattern})$`)
  } catch (cause) {
    throw SpillwayError.from(
      cause,
      'model_invalid',
      `The pattern "${pattern}" in adapter_config.json is not valid`,
    )
  }
}

const unsupported = (field: string, got: string, expected: string) =>
  new SpillwayError('not_supported', `An adapter with this ${field} is not supported`, { expected, got })
