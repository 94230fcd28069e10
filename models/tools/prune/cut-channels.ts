import { withGraphMetadata } from '../graph/metadata.ts'
import { sweep } from '../graph/sweep.ts'
import type { Model } from '../onnx/model.ts'
import { type Weight, weightBytes, weightCount, weightFrom } from '../onnx/weight.ts'
import type { Trace } from './trace-channels.ts'

/** The model without some of its channels: their positions are removed from every weight. */
export function cutChannels(
  model: Model,
  { groups, cuts, changes }: Trace,
  removed: ReadonlySet<number>,
): Model {
  const keeps = (list: readonly number[]): readonly number[] =>
    list.flatMap((group, index) => (removed.has(groups.root(group)) ? [] : [index]))
  const weights = new Map(model.weights)
  for (const { weight, axis, groups: along } of cuts) {
    const kept = keeps(along)
    const now = weights.get(weight.name)
    if (now && kept.length < along.length) weights.set(weight.name, take(now, axis, kept))
  }
  const nodes = model.nodes.map((node) => {
    const found = changes.get(node)
    return found ? found.change(node, keeps(found.groups).length) : node
  })
  // Declared shapes of intermediate values no longer hold.
  return sweep({ ...model, nodes, weights, graphMetadata: withGraphMetadata(model, { valueInfo: [] }) })
}

/** The weight with only some positions along an axis. */
function take(weight: Weight, axis: number, kept: readonly number[]): Weight {
  const { name, type, dims } = weight
  const size = dims[axis] ?? 1
  const element = weightBytes(weight) / weightCount(weight)
  const each = dims.slice(axis + 1).reduce((all, one) => all * one, element)
  const outer = weightCount(weight) / (size * (each / element))
  const smaller = dims.map((one, at) => (at === axis ? kept.length : one))
  return weightFrom(name, type, smaller, () => {
    const from = weight.bytes()
    const to = new Uint8Array(outer * kept.length * each)
    for (let block = 0; block < outer; block++) {
      for (const [index, position] of kept.entries()) {
        const start = (block * size + position) * each
        to.set(from.subarray(start, start + each), (block * kept.length + index) * each)
      }
    }
    return to
  })
}
