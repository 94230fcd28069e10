import { floatsToHalves } from '../../core/half.ts'
import { freshNames } from '../graph/names.ts'
import { makeNode } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightCount, weightFrom } from '../onnx/weight.ts'

const largest = 65_504

/** A weight in half precision. Larger values are clamped, so that the minus infinity of masks stays a number. */
export function halfOf(weight: Weight, name: string): Weight {
  return weightFrom(name, DataType.FLOAT16, weight.dims, () => floatsToHalves(floatsOf(weight), largest))
}

/** Below this size an extra node costs more than the smaller weight saves. */
const minElements = 256

/**
 * Stores weights in half precision, with a `Cast` to float32 that the runtime computes once at load. This halves the
 * download for backends that do not compute in half precision.
 */
export function storeHalves(model: Model, keeps: (weight: Weight) => boolean): Model {
  const fresh = freshNames(model)
  const weights = new Map<string, Weight>()
  const casts: Node[] = []
  for (const [name, weight] of model.weights) {
    if (weight.type !== DataType.FLOAT || weightCount(weight) < minElements || keeps(weight)) {
      weights.set(name, weight)
      continue
    }
    const half = halfOf(weight, fresh(`${name}_half`))
    weights.set(half.name, half)
    casts.push(
      makeNode({ op: 'Cast', inputs: [half.name], outputs: [name], attributes: { to: DataType.FLOAT } }),
    )
  }
  return sweep({ ...model, nodes: [...casts, ...model.nodes], weights })
}
