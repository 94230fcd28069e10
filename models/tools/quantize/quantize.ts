import { SpillwayError } from '../../core/error.ts'
import { countOf } from '../../core/wording.ts'
import { constantsToWeights } from '../graph/constants.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { type Weight, weightCount } from '../onnx/weight.ts'
import { foldBatchNorm } from '../passes/fold-batch-norm.ts'
import { toHalf } from '../passes/half.ts'
import { storeHalves } from '../passes/half-weights.ts'
import { findLayers } from '../passes/layers.ts'
import { toStaticInt8 } from '../passes/qdq.ts'
import { quantizedValues } from '../passes/qdq-values.ts'
import { toFloats } from '../passes/to-floats.ts'
import { upgradeOpset } from '../passes/upgrade.ts'
import type { Runtime, Tensors } from '../run-model/runtime.ts'
import { type Calibration, calibrate } from './calibrate.ts'
import { layerFactsOf } from './layer-facts.ts'
import { planLayers, type Step } from './plan.ts'
import { isKept, type Target } from './target.ts'
import { quantizeWeights } from './weights.ts'

/** Settings of a quantization besides its target. */
export interface QuantizeOptions {
  readonly runtime: Runtime
  /** Inputs to measure ranges on; none turns static int8 off. */
  readonly calibrationSamples: readonly Tensors[]
  readonly calibration: Calibration
  readonly onProgress?: (done: number, total: number) => void
}

export interface Quantized {
  readonly model: Model
  readonly steps: readonly Step[]
  /** Names of the layers that could be kept in float, and of those whose inputs are rounded. */
  readonly candidates: readonly string[]
  readonly rounding: readonly string[]
}

/** The model in the form that passes expect: upgraded operators, constants as weights, folded normalisations. */
export const prepare = (model: Model): Model => foldBatchNorm(upgradeOpset(constantsToWeights(model)))

/**
 * Quantizes a prepared model.
 *
 * @throws SpillwayError `not_supported` where no layer can be quantized so.
 */
export async function quantize(given: Model, target: Target, options: QuantizeOptions): Promise<Quantized> {
  // Weights for WASM and the CPU are made from float32.
  const prepared = target.precision === 'fp16' || target.backend === 'webgpu' ? given : toFloats(given)
  if (target.precision === 'fp16') {
    if (![...prepared.weights.values()].some(isFloat)) throw nothingToHalve(prepared)
    const model = convertToHalf(prepared, target)
    return {
      model,
      steps: [],
      rounding: [],
      candidates: target.backend === 'webgpu' ? prepared.nodes.map(nameOf) : [...prepared.weights.keys()],
    }
  }
  if (target.precision === 'q4f16' && target.backend !== 'webgpu') {
    throw new SpillwayError('not_supported', 'q4f16 is for WebGPU', { hint: 'Make q4 for WASM and the CPU.' })
  }
  const facts = layerFactsOf(prepared, target.backend, options.calibrationSamples.length > 0)
  const steps = planLayers(findLayers(prepared), target, facts)
  if (steps.every(({ how }) => how === 'kept')) {
    const floats = toFloats(prepared)
    if (floats !== prepared) return quantize(floats, target, options)
    throw nothingToQuantize(steps)
  }
  const small = await withStatic(quantizeWeights(prepared, steps), steps, options)
  const named = (matches: (how: Step['how']) => boolean) =>
    steps.flatMap(({ how, layer }) => (matches(how) ? [layer.name] : []))
  return {
    model: target.precision === 'q4f16' ? convertToHalf(small, target) : small,
    steps,
    candidates: named((how) => how !== 'kept'),
    rounding: named((how) => how === 'static' || how === 'dynamic'),
  }
}

const nameOf = (node: Node): string => node.name || (node.output[0] ?? '')

function convertToHalf(model: Model, { backend, keep }: Target): Model {
  if (backend !== 'webgpu') return storeHalves(model, ({ name }) => isKept(name, keep))
  return toHalf(model, (node) => isKept(nameOf(node), keep))
}

async function withStatic(model: Model, steps: readonly Step[], options: QuantizeOptions): Promise<Model> {
  const found = steps.filter((step) => step.how === 'static')
  const [first] = found
  if (!first) return model
  const layers = found.map(({ layer }) => layer)
  const sources = new Set(quantizedValues(model, new Set(layers.map(({ node }) => node))).values())
  const { runtime, calibrationSamples, calibration, onProgress } = options
  const ranges = await calibrate(runtime, model, [...sources], calibrationSamples, calibration, onProgress)
  return toStaticInt8(model, layers, ranges, first.highest)
}

const isFloat = (weight: Weight): boolean => weight.type === DataType.FLOAT && weightCount(weight) > 0

const nothingToHalve = ({ weights }: Model): SpillwayError =>
  new SpillwayError('not_supported', 'There is nothing to do: the model has no weights of float32', {
    expected: 'weights of float32',
    got: weights.size === 0 ? 'no weights' : 'half floats or integers',
  })

function nothingToQuantize(steps: readonly Step[]): SpillwayError {
  const reasons = new Set(steps.map((step) => (step.how === 'kept' ? step.reason : '')))
  return new SpillwayError('not_supported', 'There is nothing in this model to quantize', {
    expected: 'products with stored matrices, embeddings or convolutions, large enough to gain by it',
    got: steps.length === 0 ? 'none' : `${countOf(steps.length, 'layer')}: ${[...reasons].join(', ')}`,
  })
}
