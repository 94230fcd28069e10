import type { Model } from './model.ts'
import { type Weight, weightBytes } from './weight.ts'

/** Where a weight's data stands in the file beside the model, as ONNX names the three. */
export interface Placed {
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** Small tensors stay in the graph: runtimes read shapes and axes from them before any file is opened. */
const inlineBelow = 1024
/** A page, so that a runtime may map the file into memory. */
const alignment = 4096

export function placeExternally(model: Model, location: string): Map<string, Placed> {
  const placed = new Map<string, Placed>()
  let end = 0
  for (const weight of model.weights.values()) {
    const length = weightBytes(weight)
    if (length < inlineBelow) continue
    const offset = Math.ceil(end / alignment) * alignment
    placed.set(weight.name, { location, offset, length })
    end = offset + length
  }
  return placed
}

export const placedWeights = (
  model: Model,
  placed: ReadonlyMap<string, Placed>,
): readonly (readonly [Weight, Placed])[] =>
  [...model.weights.values()].flatMap((weight) => {
    const at = placed.get(weight.name)
    return at ? [[weight, at] as const] : []
  })
