import { SpillwayError } from '../../core/error.ts'
import { type Backend, backends } from '../../core/placement.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model } from '../onnx/model.ts'
import { storeHalves } from '../passes/half-weights.ts'
import { prepare, quantize } from '../quantize/quantize.ts'
import { type Target, type TargetBackend, targets } from '../quantize/target.ts'
import { ortRuntime } from '../run-model/ort.ts'
import type { Checkpoint } from './checkpoint.ts'
import { buildDecoder, type DecoderOptions } from './decoder.ts'

export const importPrecisions = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const
type ImportPrecision = (typeof importPrecisions)[number]

/**
 * A precision and the backend that it is made for. The id is `q4` for WebGPU, `q4-wasm` for WASM, and `q4f16-paged` for
 * WebGPU with keys and values in blocks.
 */
export interface VariantTarget {
  readonly id: string
  readonly precision: ImportPrecision
  readonly backend: TargetBackend
  readonly paged: boolean
}

/** @returns Undefined where the text names no variant. */
export function parseVariant(text: string): VariantTarget | undefined {
  const [name, made, ...more] = text.split('-')
  const precision = importPrecisions.find((one) => one === name)
  const paged = made === 'paged'
  const backend = made === undefined || paged ? 'webgpu' : targets.find((one) => one === made)
  if (!precision || !backend || more.length > 0) return undefined
  const variant = { id: text, precision, backend, paged }
  if (paged) return computesInHalves(variant) ? variant : undefined
  if (made !== undefined && (precision === 'fp32' || precision === 'q4f16')) return undefined
  return variant
}

/** Whether a variant computes in half precision; its KV cache is then in half precision, too. */
export const computesInHalves = ({
  precision,
  backend,
}: Pick<VariantTarget, 'precision' | 'backend'>): boolean =>
  backend === 'webgpu' && (precision === 'fp16' || precision === 'q4f16')

/**
 * The backends that a variant is for; undefined: all. Half precision is for GPUs only. A variant for WebGPU leaves
 * out the backends that have a variant of their own.
 */
export function backendsOf(
  variant: VariantTarget,
  all: readonly VariantTarget[],
): readonly Backend[] | undefined {
  const { precision, backend } = variant
  if (precision === 'fp32') return undefined
  if (backend !== 'webgpu') return [backend]
  if (variant.paged) return ['webgpu']
  if (computesInHalves(variant)) return ['webgpu', 'cuda']
  const others = all.filter((one) => kindOf(one) === kindOf(variant)).map((one): Backend => one.backend)
  const left = backends.filter((one) => one === 'webgpu' || !others.includes(one))
  return left.length === backends.length ? undefined : left
}

/** Quantized blocks of 8 and of 4 bits count as one kind: both are slow on backends that they were not made for. */
const kindOf = ({ precision }: VariantTarget) =>
  precision === 'q8' || precision === 'q4' ? 'blocks' : precision

/** Builds the graph of one variant, whose keys and values are not in blocks yet. */
export async function buildVariant(
  checkpoint: Checkpoint,
  variant: VariantTarget,
  options: Omit<DecoderOptions, 'type'>,
): Promise<Model> {
  const { precision, backend } = variant
  const halves = computesInHalves(variant)
  const model = buildDecoder(checkpoint, { ...options, type: halves ? DataType.FLOAT16 : DataType.FLOAT })
  if (precision === 'fp32' || (halves && precision === 'fp16')) return model
  if (precision === 'fp16') return storeHalves(model, () => false)
  const target: Target = {
    // The graph computes in half precision already.
    precision: precision === 'q4f16' ? 'q4' : precision,
    backend,
    asymmetric: false,
    reduceRange: false,
    keep: [],
    // Dynamic rounding uses the range of the whole batch, so a row's result would depend on the other rows.
    weightOnly: ['*'],
  }
  try {
    return (await quantize(prepare(model), target, quantizeOptions)).model
  } catch (cause) {
    throw SpillwayError.from(cause, 'not_supported', `The variant ${precision} cannot be made`)
  }
}

const quantizeOptions = {
  runtime: ortRuntime,
  calibrationSamples: [],
  calibration: { method: 'minmax' },
} as const
