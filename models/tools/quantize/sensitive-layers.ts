import type { Model } from '../onnx/model.ts'
import { type Runtime, type Tensors, toFloats } from '../run-model/runtime.ts'
import { withLoaded } from '../run-model/with-loaded.ts'

/** Makes the model with the named layers treated more exactly. */
export type MakeModel = (others: readonly string[]) => Promise<Model>

export interface SensitiveLayers {
  /** The layers to treat more exactly, most sensitive first. */
  readonly layers: readonly string[]
  /** The remaining error, relative to the size of the outputs. */
  readonly error: number
}

/** Measures the error of a model's outputs, relative to those of the original. */
export type ErrorOf = (model: Model) => Promise<number>

export async function measureErrorsAgainst(
  runtime: Runtime,
  original: Model,
  samples: readonly Tensors[],
): Promise<ErrorOf> {
  const right = await answers(runtime, original, samples)
  return async (model) => relativeError(right, await answers(runtime, model, samples))
}

/**
 * Finds the fewest layers to treat more exactly so that the error is within `limit`: measures the error of each layer
 * alone, and takes the worst ones by bisection.
 */
export async function findSensitive(
  layers: readonly string[],
  make: MakeModel,
  errorOf: ErrorOf,
  limit: number,
  onProgress: (done: number, total: number) => void,
): Promise<SensitiveLayers> {
  const alone: { readonly name: string; readonly error: number }[] = []
  for (const name of layers) {
    alone.push({ name, error: await errorOf(await make(layers.filter((other) => other !== name))) })
    onProgress(alone.length, layers.length)
  }
  const worst = alone.sort((a, b) => b.error - a.error).map(({ name }) => name)
  let [low, high] = [1, worst.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((await errorOf(await make(worst.slice(0, middle)))) <= limit) high = middle
    else low = middle + 1
  }
  const found = worst.slice(0, low)
  return { layers: found, error: await errorOf(await make(found)) }
}

type Answers = readonly (readonly (Float32Array | Float64Array)[])[]

const answers = (runtime: Runtime, model: Model, samples: readonly Tensors[]): Promise<Answers> =>
  withLoaded(runtime, model, { backend: 'cpu', threads: 1 }, async (runnable) => {
    const all: (Float32Array | Float64Array)[][] = []
    for (const sample of samples) {
      const outputs = await runnable.run(sample)
      all.push(runnable.outputNames.flatMap((name) => (outputs[name] ? [toFloats(outputs[name])] : [])))
    }
    return all
  })

/** Root of the squared error over the squared outputs, for the worst output. */
function relativeError(right: Answers, other: Answers): number {
  const outputs = right[0]?.length ?? 0
  let worst = 0
  for (let output = 0; output < outputs; output++) {
    let [error, size] = [0, 0]
    for (const [sample, lists] of right.entries()) {
      const [a, b] = [lists[output] ?? [], other[sample]?.[output] ?? []]
      for (let index = 0; index < a.length; index++) {
        const [one, two] = [a[index] ?? 0, b[index] ?? 0]
        if (!Number.isFinite(one)) continue
        error += (one - two) ** 2
        size += one ** 2
      }
    }
    const relative = Math.sqrt(error / (size || 1))
    worst = Math.max(worst, Number.isNaN(relative) ? Number.POSITIVE_INFINITY : relative)
  }
  return worst
}
