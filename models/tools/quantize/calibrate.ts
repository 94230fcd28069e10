import { expose } from '../graph/values.ts'
import type { Model } from '../onnx/model.ts'
import type { Range } from '../passes/qdq.ts'
import { type Runtime, type Tensors, toFloats } from '../run-model/runtime.ts'
import { withLoaded } from '../run-model/with-loaded.ts'
import { createHistogram, type Histogram } from './histogram.ts'

export type Calibration =
  | { readonly method: 'minmax' }
  | { readonly method: 'percentile'; readonly percent: number }

/** Measures the ranges of values while a model runs on samples. */
export async function calibrate(
  runtime: Runtime,
  model: Model,
  names: readonly string[],
  samples: readonly Tensors[],
  calibration: Calibration,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ReadonlyMap<string, Range>> {
  const passes = calibration.method === 'minmax' ? 1 : 2
  const given = new Set(model.inputs.map(({ name }) => name))
  const written = names.filter((name) => !given.has(name))
  return withLoaded(runtime, expose(model, written), { backend: 'cpu', threads: 1 }, async (runnable) => {
    const runPass = async (pass: number, onValues: (name: string, values: ArrayLike<number>) => void) => {
      for (const [done, sample] of samples.entries()) {
        const all = { ...sample, ...(await runnable.run(sample)) }
        for (const name of names) {
          const tensor = all[name]
          if (tensor) onValues(name, toFloats(tensor))
        }
        onProgress(pass * samples.length + done + 1, passes * samples.length)
      }
    }
    const ranges = new Map<string, Range>()
    await runPass(0, (name, values) => ranges.set(name, widen(ranges.get(name), values)))
    if (calibration.method === 'minmax') return ranges
    const histograms = new Map<string, Histogram>(
      [...ranges].map(([name, range]) => [name, createHistogram(range)]),
    )
    await runPass(1, (name, values) => histograms.get(name)?.add(values))
    return new Map([...histograms].map(([name, histogram]) => [name, histogram.central(calibration.percent)]))
  })
}

function widen(range: Range | undefined, values: ArrayLike<number>): Range {
  let { low, high } = range ?? { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY }
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0
    if (value < low) low = value
    if (value > high) high = value
  }
  return { low, high }
}
