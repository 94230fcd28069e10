import { isStandard } from '../graph/node.ts'
import { readersOf } from '../onnx/data-flow.ts'
import type { Model, Node } from '../onnx/model.ts'

/** Operators with int8 kernels, so that values between convolutions stay in bytes. */
const bytePreserving = new Set([
  'Add',
  'AveragePool',
  'Concat',
  'Flatten',
  'GlobalAveragePool',
  'MaxPool',
  'Reshape',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
])
/** Operators that only move elements and so keep their input's scale. */
const scalePreserving = new Set(['Flatten', 'MaxPool', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze'])

/**
 * The values that are bytes when the given convolutions are, each with the value that determines its range: mostly
 * itself.
 */
export function quantizedValues(model: Model, convolutions: ReadonlySet<Node>): ReadonlyMap<string, string> {
  const readers = readersOf(model)
  const ranges = new Map<string, string>()
  for (const node of convolutions) {
    const [input = ''] = node.input
    ranges.set(input, input)
    const result = resultOf(node, readers)
    ranges.set(result, result)
  }
  const needed = neededValues(model, convolutions)
  for (const node of model.nodes) {
    const [output = ''] = node.output
    if (!isBytePreserving(node) || !needed.has(output)) continue
    const data = dataInputs(node)
    if (!data.every((name) => ranges.has(name))) continue
    const [first = ''] = data
    ranges.set(output, scalePreserving.has(node.opType) ? (ranges.get(first) ?? first) : output)
  }
  return ranges
}

/** The output of a convolution, or of the activation that the runtime fuses with it. */
function resultOf(node: Node, readers: ReadonlyMap<string, readonly Node[]>): string {
  const [output = ''] = node.output
  const [next, ...others] = readers.get(output) ?? []
  const fused = next && others.length === 0 && isStandard(next) && next.opType === 'Relu'
  return fused ? (next.output[0] ?? output) : output
}

/** Values that a convolution reads, directly or through operators that keep bytes. */
function neededValues(model: Model, convolutions: ReadonlySet<Node>): ReadonlySet<string> {
  const needed = new Set<string>()
  for (const node of model.nodes.toReversed()) {
    if (convolutions.has(node)) needed.add(node.input[0] ?? '')
    else if (isBytePreserving(node) && needed.has(node.output[0] ?? ''))
      for (const name of dataInputs(node)) needed.add(name)
  }
  return needed
}

const isBytePreserving = (node: Node): boolean => bytePreserving.has(node.opType) && isStandard(node)

const dataInputs = ({ opType, input }: Node): readonly string[] =>
  opType === 'Add' || opType === 'Concat' ? input : input.slice(0, 1)
