import { freshNames } from '../graph/names.ts'
import { makeNode } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { DataType } from '../onnx/data-type.ts'
import { floatsToHalves } from '../onnx/half.ts'
import type { Model, Node } from '../onnx/model.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightCount, weightFrom } from '../onnx/weight.ts'

const largest = 65_504

/** What is too large for a half becomes its largest: the minus infinity of masks stays a number. */
export function halfOf(weight: Weight, name: string): Weight {
  return weightFrom(name, DataType.FLOAT16, weight.dims, () => floatsToHalves(floatsOf(weight), largest))
}

/** Below that a node more costs what the halves save. */
const minElements = 256

/**
 * Weights kept as half floats and made float32 by a `Cast` that the runtime computes once, when it loads the
 * model: half the download for backends that do not compute in halves.
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
