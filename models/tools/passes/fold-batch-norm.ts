import { floatOf } from '../graph/attributes.ts'
import { freshNames } from '../graph/names.ts'
import { changeNode, isStandard } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { readersOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'

/** Folds each BatchNormalization after a Conv into the Conv's weights, which saves one rounding. */
export function foldBatchNorm(model: Model): Model {
  const readers = readersOf(model)
  const outputs = new Set(model.outputs.map(({ name }) => name))
  const fresh = freshNames(model)
  const weights = new Map(model.weights)
  const replaced = new Map<Node, Node | undefined>()
  for (const conv of model.nodes) {
    const output = conv.output[0] ?? ''
    const [norm, ...others] = readers.get(output) ?? []
    if (conv.opType !== 'Conv' || !isStandard(conv) || others.length > 0 || outputs.has(output)) continue
    const folded = norm && foldInto(conv, norm, model)
    if (!folded) continue
    const [weight, bias] = folded.map((one) => ({ ...one, name: fresh(one.name) }))
    if (!weight || !bias) continue
    weights.set(weight.name, weight).set(bias.name, bias)
    const input = [conv.input[0] ?? '', weight.name, bias.name]
    replaced.set(conv, changeNode(conv, { input, output: [norm.output[0] ?? ''] })).set(norm, undefined)
  }
  const nodes = model.nodes.flatMap((node) => (replaced.has(node) ? (replaced.get(node) ?? []) : [node]))
  return replaced.size === 0 ? model : sweep({ ...model, nodes, weights })
}

function foldInto(conv: Node, norm: Node, { weights }: Model): readonly Weight[] | undefined {
  const isNorm = norm.opType === 'BatchNormalization' && isStandard(norm) && norm.input[0] === conv.output[0]
  const used = norm.output.filter((name) => name !== '').length
  const weight = weights.get(conv.input[1] ?? '')
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((index) => weights.get(norm.input[index] ?? ''))
  const bias = conv.input[2] ? weights.get(conv.input[2]) : undefined
  if (!isNorm || used > 1 || weight?.type !== DataType.FLOAT || !gamma || !beta || !mean || !variance)
    return undefined
  if (conv.input[2] && !bias) return undefined
  const epsilon = floatOf(norm, 'epsilon', 1e-5)
  const [g, v] = [floatsOf(gamma), floatsOf(variance)]
  const factor = g.map((one, channel) => one / Math.sqrt((v[channel] ?? 0) + epsilon))
  const channels = weight.dims[0] ?? 0
  const each = weight.dims.slice(1).reduce((all, size) => all * size, 1)
  if (factor.length !== channels) return undefined
  return [
    weightFrom(`${weight.name}_folded`, DataType.FLOAT, weight.dims, () =>
      floatsOf(weight).map((one, index) => one * (factor[Math.floor(index / each)] ?? 1)),
    ),
    weightFrom(`${weight.name}_bias`, DataType.FLOAT, [channels], () => {
      const [b, m, own] = [floatsOf(beta), floatsOf(mean), bias && floatsOf(bias)]
      return b.map(
        (one, channel) => one + ((own?.[channel] ?? 0) - (m[channel] ?? 0)) * (factor[channel] ?? 1),
      )
    }),
  ]
}
