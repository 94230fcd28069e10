import { type KnownValue, product } from '../infer/known.ts'
import { readsOf } from '../onnx/data-flow.ts'
import { bytesOf, DataType } from '../onnx/data-type.ts'
import type { Model } from '../onnx/model.ts'
import { weightBytes } from '../onnx/weight.ts'

/** What a lane needs to hold and run a model once, in bytes. */
export interface Memory {
  readonly weights: number
  /** The most that intermediate values take at one time. */
  readonly activations: number
  /** The file, which lies in memory while the session is made. */
  readonly file: number
  readonly total: number
  /** Values whose size does not follow from the file: the estimate is too low by them. */
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

/** Walks the nodes in order; a value lives from its node to the last that reads it. */
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
