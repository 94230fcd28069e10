import { SpillwayError } from '../../core/error.ts'
import { type AddedVariant, addVariant, type MakeOptions } from '../manifest/write.ts'
import { type OpenedModel, sizeOfFiles } from '../onnx/files.ts'
import type { Model } from '../onnx/model.ts'
import { saveModel } from '../onnx/save.ts'
import { modelSize } from '../onnx/write.ts'
import type { Tensors } from '../run-model/runtime.ts'
import type { Step } from './plan.ts'
import { prepare, type Quantized, type QuantizeOptions, quantize } from './quantize.ts'
import { type QuantizedWithin, quantizeWithin } from './quantize-within.ts'
import type { Target } from './target.ts'

/** Settings of the quantization, and of the runs that describe the file in a model's folder. */
export interface QuantizeFileOptions extends QuantizeOptions, Pick<MakeOptions, 'runLimitMs' | 'onNote'> {}

/** A bound of the error, and the inputs to measure it on. */
export interface ErrorLimit {
  /** Relative to the answers. */
  readonly error: number
  readonly samples: readonly Tensors[]
}

/** A file that was written, and how. */
export interface QuantizedFile {
  readonly steps: readonly Step[]
  /** Bytes of all files that were written. */
  readonly bytes: number
  /** What is left of the error, relative to the answers; absent where nothing was measured. */
  readonly error?: number
  /** Names of outputs that were not measured. */
  readonly leftOut: readonly string[]
  /** The manifest that lists the file now; absent where it was not written into a model's folder. */
  readonly added: AddedVariant | undefined
}

/**
 * Quantizes a model and writes it; in a model's folder the manifest lists it as a variant.
 *
 * @param limit Layers are left in float until the answers are within it.
 * @throws SpillwayError `not_supported` where nothing of the model can be quantized so.
 */
export async function quantizeFile(
  { model }: OpenedModel,
  out: string,
  target: Target,
  options: QuantizeFileOptions,
  limit: ErrorLimit | undefined,
): Promise<QuantizedFile> {
  const prepared = prepare(model)
  const made: Quantized & Partial<QuantizedWithin> = limit
    ? await quantizeWithin(prepared, target, options, limit.samples, limit.error)
    : await quantize(prepared, target, options)
  checkSmaller(model, made.model, target)
  const bytes = sizeOfFiles(saveModel(made.model, out, options.onProgress))
  return {
    steps: made.steps,
    bytes,
    ...(made.error === undefined ? {} : { error: made.error }),
    leftOut: made.leftOut ?? [],
    added: await addVariant(out, options),
  }
}

/** Half floats of a few weights save less than the conversions between halves and floats take. */
function checkSmaller(before: Model, after: Model, { precision }: Target): void {
  const [was, is] = [modelSize(before), modelSize(after)]
  if (precision !== 'fp16' || is < was) return
  throw new SpillwayError('not_supported', 'There is nothing to do: half floats make this model no smaller', {
    expected: `less than ${was} bytes`,
    got: `${is}`,
  })
}
