import type { Model } from '../onnx/model.ts'
import type { ErrorOf } from './measure-error.ts'

/** Makes the model with the named layers treated more exactly. */
export type MakeModel = (others: readonly string[]) => Promise<Model>

export interface SensitiveLayers {
  /** The layers to treat more exactly, most sensitive first. */
  readonly layers: readonly string[]
  /** The remaining error, relative to the size of the outputs. */
  readonly error: number
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
