import { SpillwayError } from '../../core/error.ts'
import { type Backend, backends } from '../../core/placement.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model } from '../onnx/model.ts'
import { storeHalves } from '../passes/half-weights.ts'
import { prepare, quantize } from '../quantize/quantize.ts'
import { type Target, type TargetBackend, targets } from '../quantize/target.ts'
import { ortRuntime } from '../run/ort.ts'
import type { Checkpoint } from './checkpoint.ts'
import { buildDecoder, type DecoderOptions } from './decoder.ts'

export const importPrecisions = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const
type Precision = (typeof importPrecisions)[number]

/** `q4` for WebGPU, or `q4-wasm`: what a variant is and where it runs, which is also its id. */
export interface VariantTarget {
  readonly id: string
  readonly precision: Precision
  readonly backend: TargetBackend
}

/** @returns nothing where it is no variant's name. */
export function parseVariant(text: string): VariantTarget | undefined {
  const [name, made, ...more] = text.split('-')
  const precision = importPrecisions.find((one) => one === name)
  const backend = made === undefined ? 'webgpu' : targets.find((one) => one === made)
  if (!precision || !backend || more.length > 0) return undefined
  if (made !== undefined && (precision === 'fp32' || precision === 'q4f16')) return undefined
  return { id: text, precision, backend }
}

/** Its past is kept in halves, too. */
export const computesInHalves = ({ precision, backend }: VariantTarget): boolean =>
  backend === 'webgpu' && (precision === 'fp16' || precision === 'q4f16')

/**
 * The backends that a variant is for; absent: all. One that computes in halves is for GPUs alone, and one that is
 * made for a backend leaves the others to its like.
 */
export function backendsOf(
  wanted: VariantTarget,
  all: readonly VariantTarget[],
): readonly Backend[] | undefined {
  const { precision, backend } = wanted
  if (precision === 'fp32') return undefined
  if (backend !== 'webgpu') return [backend]
  if (computesInHalves(wanted)) return ['webgpu', 'cuda']
  const others = all.filter((one) => kindOf(one) === kindOf(wanted)).map((one): Backend => one.backend)
  const left = backends.filter((one) => one === 'webgpu' || !others.includes(one))
  return left.length === backends.length ? undefined : left
}

/** Blocks of quantized weights are slow where none of them was made for the backend, of eight bits or of four. */
const kindOf = ({ precision }: VariantTarget) =>
  precision === 'q8' || precision === 'q4' ? 'blocks' : precision

/** The checkpoint's graph as a variant has it. */
export async function buildVariant(
  checkpoint: Checkpoint,
  wanted: VariantTarget,
  options: Omit<DecoderOptions, 'type'>,
): Promise<Model> {
  const { precision, backend } = wanted
  const halves = computesInHalves(wanted)
  const model = buildDecoder(checkpoint, { ...options, type: halves ? DataType.FLOAT16 : DataType.FLOAT })
  if (precision === 'fp32' || (halves && precision === 'fp16')) return model
  if (precision === 'fp16') return storeHalves(model, () => false)
  const target: Target = {
    // The graph computes in halves already.
    precision: precision === 'q4f16' ? 'q4' : precision,
    backend,
    asymmetric: false,
    reduceRange: false,
    keep: [],
    // A batch's activations would be rounded together, and a row's answer depend on its company.
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
