import type { Tensor } from '../../core/tensor.ts'
import { expose } from '../graph/values.ts'
import type { Model } from '../onnx/model.ts'
import { type Runtime, type Tensors, toFloats } from '../run-model/runtime.ts'
import { withLoaded } from '../run-model/with-loaded.ts'
import type { Cut } from './channel-rule.ts'

/** Sums of squares per channel over all samples, by the name of the value. */
export type Activity = ReadonlyMap<string, Float64Array>

/** Runs a model on samples and measures the channels that its layers read. */
export async function measureActivity(
  runtime: Runtime,
  model: Model,
  cuts: readonly Cut[],
  samples: readonly Tensors[],
  onProgress: (done: number, total: number) => void,
): Promise<Activity> {
  const readValues = cuts.flatMap(({ value, groups }) => (value === undefined ? [] : [{ value, groups }]))
  const activity = new Map(readValues.map(({ value, groups }) => [value, new Float64Array(groups.length)]))
  const axes = new Map(cuts.flatMap(({ value, valueAxis = 1 }) => (value ? [[value, valueAxis]] : [])))
  return withLoaded(
    runtime,
    expose(model, activity.keys()),
    { backend: 'cpu', threads: 1 },
    async (runnable) => {
      for (const [done, sample] of samples.entries()) {
        const outputs = await runnable.run(sample)
        for (const [name, sums] of activity) {
          const tensor = outputs[name]
          if (tensor) addSquares(tensor, axes.get(name) ?? 1, sums)
        }
        onProgress(done + 1, samples.length)
      }
      return activity
    },
  )
}

function addSquares(tensor: Tensor, axis: number, sums: Float64Array): void {
  const values = toFloats(tensor)
  const each = tensor.shape.slice(axis + 1).reduce((all, size) => all * size, 1)
  for (let index = 0; index < values.length; index++) {
    const channel = Math.floor(index / each) % sums.length
    sums[channel] = (sums[channel] ?? 0) + (values[index] ?? 0) ** 2
  }
}
