import { type AddedVariant, addVariant } from '../manifest/write.ts'
import { type OpenedModel, sizeOfFiles } from '../onnx/files.ts'
import { saveModel } from '../onnx/save.ts'
import { randomSamples } from '../run-model/random-samples.ts'
import type { Step } from './plan.ts'
import { prepare, type Quantized, type QuantizeOptions, quantize } from './quantize.ts'
import { quantizeWithin } from './quantize-within.ts'
import type { Target } from './target.ts'

/** Made-up inputs that errors are measured on where there are no samples. */
const randomSampleCount = 16

/** A file that was written, and how. */
export interface QuantizedFile {
  readonly steps: readonly Step[]
  /** Bytes of all files that were written. */
  readonly bytes: number
  /** What is left of the error, relative to the answers; absent where nothing was measured. */
  readonly error?: number
  /** The manifest that lists the file now; absent where it was not written into a model's folder. */
  readonly added: AddedVariant | undefined
}

/**
 * Quantizes a model and writes it; in a model's folder the manifest lists it as a variant.
 *
 * @param maxError Layers are left in float until the answers are within this relative error.
 * @throws SpillwayError `not_supported` where nothing of the model can be quantized so.
 */
export async function quantizeFile(
  { model }: OpenedModel,
  out: string,
  target: Target,
  options: QuantizeOptions,
  maxError: number | undefined,
): Promise<QuantizedFile> {
  const prepared = prepare(model)
  const { calibrationSamples } = options
  const made: Quantized & { readonly error?: number } =
    maxError === undefined
      ? await quantize(prepared, target, options)
      : await quantizeWithin(
          prepared,
          target,
          options,
          calibrationSamples.length > 0
            ? calibrationSamples
            : randomSamples(prepared, new Map(), randomSampleCount),
          maxError,
        )
  const bytes = sizeOfFiles(saveModel(made.model, out, options.onProgress))
  return {
    steps: made.steps,
    bytes,
    ...(made.error === undefined ? {} : { error: made.error }),
    added: await addVariant(out),
  }
}
