import { SpillwayError } from '../../core/error.ts'
import { type CompareOptions, type Comparison, compareModels } from '../compare/compare.ts'
import type { OpenedModel } from '../onnx/files.ts'
import { saveModel } from '../onnx/save.ts'
import { modelSize } from '../onnx/write.ts'
import { prepare } from '../quantize/quantize.ts'
import type { Runtime, Tensors } from '../run-model/runtime.ts'
import { withLoaded } from '../run-model/with-loaded.ts'
import type { PruneOptions } from './choose-channels.ts'
import { type Pruned, prune } from './prune.ts'

/** Largest difference that sums in another order make. */
const roundingError = 1e-3

/** What was taken out of a model's file, and how the smaller model compares. */
export interface PrunedFile extends Omit<Pruned, 'model'> {
  /** Bytes of the file that was written. */
  readonly bytes: number
  readonly comparison: Comparison
}

/** Which channels go, and how the result is compared with the model before. */
export interface PruneFileOptions extends PruneOptions, Pick<CompareOptions, 'backends'> {
  /** Inputs for the comparison. */
  readonly samples: readonly Tensors[]
  /** Whether channels are weighed by their activity on the samples; else by their weights. */
  readonly measured: boolean
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Prunes a model, compares it with what it was, and writes it.
 *
 * @throws SpillwayError `not_supported` where nothing can be taken out or the file gets no smaller.
 */
export async function pruneFile(
  runtime: Runtime,
  { model, file, bytes }: OpenedModel,
  out: string,
  { samples, measured, backends, onProgress, ...options }: PruneFileOptions,
): Promise<PrunedFile> {
  const pruned = await prune(runtime, prepare(model), options, measured ? samples : [], onProgress)
  const after = modelSize(pruned.model)
  if (after >= bytes) {
    throw new SpillwayError('not_supported', 'The model gets no smaller', {
      expected: `less than ${bytes} bytes`,
      got: `${after}`,
    })
  }
  const comparison = await withLoaded(
    runtime,
    pruned.model,
    { backend: 'cpu', threads: 1 },
    (_runnable, path) =>
      compareModels(runtime, file, path, samples, {
        backends,
        threads: 1,
        ...(onProgress && { onProgress }),
      }),
  )
  checkSame(pruned, comparison)
  saveModel(pruned.model, out)
  const { layers, kept, exact } = pruned
  return { layers, kept, exact, bytes: after, comparison }
}

function checkSame({ exact }: Pruned, { outputs }: Comparison): void {
  const changed = outputs.find(({ largest }) => !(largest <= roundingError))
  if (!exact || changed === undefined) return
  throw new SpillwayError('internal', `"${changed.output}" changed when only dead channels were taken out`, {
    expected: `a difference of at most ${roundingError}`,
    got: `${changed.largest}`,
  })
}
