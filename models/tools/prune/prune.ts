import { SpillwayError } from '../../core/error.ts'
import { countOf } from '../../core/wording.ts'
import type { Model } from '../onnx/model.ts'
import type { Runtime, Tensors } from '../run-model/runtime.ts'
import { type Choice, chooseChannels, isExact, type PruneOptions } from './choose-channels.ts'
import { cutChannels } from './cut-channels.ts'
import { measureActivity } from './measure-activity.ts'
import { reshapesToFlatten } from './reshape-to-flatten.ts'
import { traceChannels } from './trace-channels.ts'

export interface Pruned extends Pick<Choice, 'layers' | 'kept'> {
  readonly model: Model
  /** Whether only dead channels were removed, so that outputs do not change. */
  readonly exact: boolean
}

/**
 * Removes whole channels and neurons from a model: dead ones, and as many of the weakest as the options allow.
 * @param samples Inputs to measure channels on; without any, the weights decide.
 * @throws SpillwayError `not_supported` where nothing can be removed.
 */
export async function prune(
  runtime: Runtime,
  prepared: Model,
  options: PruneOptions,
  samples: readonly Tensors[],
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Pruned> {
  const model = reshapesToFlatten(prepared)
  const trace = traceChannels(model)
  const activity =
    samples.length === 0 ? undefined : await measureActivity(runtime, model, trace.cuts, samples, onProgress)
  const choice = chooseChannels(trace, options, activity)
  if (choice.removed.size === 0) throw nothingToPrune(choice)
  const { layers, kept } = choice
  return {
    model: cutChannels(model, trace, choice.removed),
    layers,
    kept,
    exact: activity === undefined && isExact(choice),
  }
}

function nothingToPrune({ layers, kept }: Choice): SpillwayError {
  if (layers.length === 0) {
    const reasons = new Set(kept.map(({ reason }) => reason))
    return new SpillwayError('not_supported', 'This model has no channels that could be taken out', {
      expected: 'float layers whose channels other layers read',
      got:
        kept.length === 0
          ? 'none'
          : `${countOf(kept.length, 'layer')} that cannot be pruned: ${[...reasons].join(', ')}`,
      hint: 'Prune a float model, then quantize it.',
    })
  }
  const channels = layers.reduce((sum, layer) => sum + layer.channels, 0)
  return new SpillwayError('not_supported', 'No channel of this model is dead', {
    got: `${countOf(channels, 'channel')} in ${countOf(layers.length, 'layer')}`,
    hint: 'Give a --sparsity or a --threshold to take the weakest.',
  })
}
