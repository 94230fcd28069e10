import { makeAttribute } from '../graph/attributes.ts'
import { changeNode, isStandard } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import type { Model } from '../onnx/model.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'
import { product } from '../shape-inference/known.ts'

/** Replaces a Reshape that flattens, as exporters write it, by Flatten, which holds no number of channels. */
export function reshapesToFlatten(model: Model): Model {
  const values = infer(model, sampleShapes(model, new Map()))
  const nodes = model.nodes.map((node) => {
    const [data = '', target = ''] = node.input
    const [from, sizes] = [values.get(data)?.shape, values.get(target)?.ints]
    const [rows, columns] = values.get(node.output[0] ?? '')?.shape ?? []
    const isFlatten =
      node.opType === 'Reshape' &&
      isStandard(node) &&
      model.weights.has(target) &&
      sizes?.length === 2 &&
      from !== undefined &&
      from.length > 1 &&
      rows === from[0] &&
      columns === product(from.slice(1))
    return isFlatten
      ? changeNode(node, { opType: 'Flatten', input: [data], attribute: [makeAttribute('axis', 1)] })
      : node
  })
  return sweep({ ...model, nodes })
}
