import { readsOf } from '../onnx/data-flow.ts'
import { bytesOf, DataType } from '../onnx/data-type.ts'
import type { Model } from '../onnx/model.ts'
import { weightBytes } from '../onnx/weight.ts'
import { type KnownValue, product } from '../shape-inference/known.ts'

/** Bytes that a lane needs to hold a model and run it once. */
export interface Memory {
  readonly weights: number
  /** The largest sum of intermediate values that are alive at one time. */
  readonly activations: number
  /** The file, which is in memory while the session is created. */
  readonly file: number
  readonly total: number
  /** Number of values of unknown size, which the estimate lacks. */
  readonly unknownValues: number
}

export function memoryOf(model: Model, values: ReadonlyMap<string, KnownValue>, fileBytes: number): Memory {
  const weights = [...model.weights.values()].reduce((sum, weight) => sum + weightBytes(weight), 0)
  const { peak, unknown } = peakOf(model, values)
  return {
    weights,
    activations: peak,
    file: fileBytes,
    total: weights + peak + fileBytes,
    unknownValues: unknown,
  }
}

/** Peak memory of values: a value lives from its node to its last reader. */
function peakOf(model: Model, values: ReadonlyMap<string, KnownValue>): { peak: number; unknown: number } {
  const last = new Map<string, number>()
  for (const [index, node] of model.nodes.entries()) for (const name of readsOf(node)) last.set(name, index)
  for (const { name } of model.outputs) last.set(name, model.nodes.length)
  let unknown = 0
  let live = 0
  const held = new Map<string, number>()
  const hold = (name: string): void => {
    const bytes = sizeOf(values.get(name))
    if (bytes === undefined) unknown++
    held.set(name, bytes ?? 0)
    live += bytes ?? 0
  }
  for (const { name } of model.inputs) hold(name)
  let peak = live
  for (const [index, node] of model.nodes.entries()) {
    for (const name of node.output) if (name !== '' && last.has(name)) hold(name)
    peak = Math.max(peak, live)
    for (const name of new Set(readsOf(node))) {
      if (last.get(name) !== index) continue
      live -= held.get(name) ?? 0
      held.delete(name)
    }
  }
  return { peak, unknown }
}

function sizeOf(value: KnownValue | undefined): number | undefined {
  if (!value?.shape) return undefined
  return bytesOf(value.type || DataType.FLOAT, product(value.shape))
}
