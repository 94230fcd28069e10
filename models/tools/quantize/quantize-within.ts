import { SpillwayError } from '../../core/error.ts'
import type { Model } from '../onnx/model.ts'
import type { Tensors } from '../run-model/runtime.ts'
import { measureErrorsAgainst } from './measure-error.ts'
import { type Quantized, type QuantizeOptions, quantize } from './quantize.ts'
import { findSensitive } from './sensitive-layers.ts'
import type { Target } from './target.ts'

export interface QuantizedWithin extends Quantized {
  /** Error of the outputs, relative to their size. */
  readonly error: number
  /** Names of outputs that are not measured. */
  readonly leftOut: readonly string[]
}

/**
 * Quantizes as many layers as an error allows. Layers with rounded inputs first go back to exact inputs, which costs
 * speed only; then layers go back to floats.
 * @throws SpillwayError `not_supported` where no layer can be quantized within the limit, or no output can be measured.
 */
export async function quantizeWithin(
  prepared: Model,
  target: Target,
  options: QuantizeOptions,
  samples: readonly Tensors[],
  limit: number,
): Promise<QuantizedWithin> {
  const { errorOf, leftOut } = await measureErrorsAgainst(options.runtime, prepared, samples)
  const make = (weightOnly: readonly string[], keep: readonly string[]) =>
    quantize(prepared, { ...target, weightOnly, keep: [...target.keep, ...keep] }, options)
  const onProgress = options.onProgress ?? (() => {})
  const quantized = await make([], [])
  const error = await errorOf(quantized.model)
  if (error <= limit) return { ...quantized, error, leftOut }
  const { rounding, candidates } = quantized
  if (rounding.length > 0 && (await errorOf((await make(rounding, [])).model)) <= limit) {
    const modelWith = async (names: readonly string[]) => (await make(names, [])).model
    const found = await findSensitive(rounding, modelWith, errorOf, limit, onProgress)
    return { ...(await make(found.layers, [])), error: found.error, leftOut }
  }
  // With every layer kept the model is the original one.
  const modelWith = async (names: readonly string[]) =>
    names.length === candidates.length ? prepared : (await make(rounding, names)).model
  const found = await findSensitive(candidates, modelWith, errorOf, limit, onProgress)
  if (found.layers.length < candidates.length) {
    return { ...(await make(rounding, found.layers)), error: found.error, leftOut }
  }
  const what = 'No layer of this model can be quantized within this error'
  throw new SpillwayError('not_supported', what, { expected: `within ${limit}` })
}
