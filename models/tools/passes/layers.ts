import { floatOf, intOf, intsOf } from '../graph/attributes.ts'
import { isStandard } from '../graph/node.ts'
import { readersOf, writersOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { type Weight, weightCount } from '../onnx/weight.ts'

interface LayerBase {
  /** The node's name, else its output's. */
  readonly name: string
  readonly node: Node
  readonly weight: Weight
}

/** A product with a stored matrix: `MatMul`, or the usual form of `Gemm`. */
export interface LinearLayer extends LayerBase {
  readonly kind: 'linear'
  readonly inputs: number
  readonly outputs: number
  /** Whether rows of the stored matrix make the outputs; else columns do. */
  readonly rowPerOutput: boolean
  /** The name of the bias. */
  readonly bias: string | undefined
}

/** A lookup in a stored table: `Gather`. */
export interface EmbeddingLayer extends LayerBase {
  readonly kind: 'embedding'
}

/** A `Conv` or another operator whose weights can be stored smaller, with one scale per index of an axis. */
export interface OtherLayer extends LayerBase {
  readonly kind: 'convolution' | 'other'
  /** The position of the weight among the inputs, and the axis with one scale per index. */
  readonly input: number
  readonly axis: number
}

export type Layer = LinearLayer | EmbeddingLayer | OtherLayer

const floats: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16])

/** The layers of a model with stored float weights that only layers read. */
export function findLayers(model: Model): readonly Layer[] {
  const writers = writersOf(model)
  const found = model.nodes.flatMap((node) => layersOf(model, node, writers))
  const known = new Set(found.map(({ node }) => node))
  const readers = readersOf(model)
  // A weight with other readers would stay in the file beside its smaller copy.
  const alone = (name: string): boolean =>
    (readers.get(name) ?? []).every(
      (node) => known.has(node) || (isTransposed(node) && alone(node.output[0] ?? '')),
    )
  return found.filter(({ weight }) => alone(weight.name))
}

function layersOf(model: Model, node: Node, writers: ReadonlyMap<string, Node>): readonly Layer[] {
  if (!isStandard(node)) return []
  switch (node.opType) {
    case 'MatMul':
    case 'Gemm':
      return linear(model, node, writers)
    case 'Gather': {
      const weight = stored(model, node.input[0])
      const rows = weight?.dims.length === 2 && intOf(node, 'axis', 0) === 0
      return weight && rows ? [{ kind: 'embedding', name: nameOf(node), node, weight }] : []
    }
    case 'Conv':
      return others(model, node, 'convolution', [[1, 0]])
    case 'ConvTranspose':
      return others(model, node, 'other', [[1, 1]])
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return others(model, node, 'other', [
        [1, 1],
        [2, 1],
      ])
    default:
      return []
  }
}

function linear(model: Model, node: Node, writers: ReadonlyMap<string, Node>): readonly LinearLayer[] {
  const given = node.input[1] ?? ''
  const writer = writers.get(given)
  const isTransposedInput = writer !== undefined && isTransposed(writer)
  const weight = stored(model, isTransposedInput ? writer.input[0] : given)
  const gemm = node.opType === 'Gemm'
  const plain =
    !gemm ||
    (intOf(node, 'transA', 0) === 0 && floatOf(node, 'alpha', 1) === 1 && floatOf(node, 'beta', 1) === 1)
  const [first, second] = weight?.dims ?? []
  if (!weight || !plain || weight.dims.length !== 2 || first === undefined || second === undefined) return []
  const rowPerOutput = isTransposedInput !== (gemm && intOf(node, 'transB', 0) === 1)
  const [outputs, inputs] = rowPerOutput ? [first, second] : [second, first]
  const bias = (gemm && node.input[2]) || undefined
  return [{ kind: 'linear', name: nameOf(node), node, weight, inputs, outputs, rowPerOutput, bias }]
}

function others(
  model: Model,
  node: Node,
  kind: OtherLayer['kind'],
  places: readonly (readonly [input: number, axis: number])[],
): readonly OtherLayer[] {
  return places.flatMap(([input, axis]) => {
    const weight = stored(model, node.input[input])
    if (!weight || weight.dims.length <= axis) return []
    const name = places.length === 1 ? nameOf(node) : `${nameOf(node)}/${input}`
    return [{ kind, name, node, weight, input, axis }]
  })
}

function stored(model: Model, name: string | undefined): Weight | undefined {
  const weight = model.weights.get(name ?? '')
  return weight && floats.has(weight.type) && weightCount(weight) > 0 ? weight : undefined
}

const isTransposed = (node: Node): boolean =>
  node.opType === 'Transpose' && isStandard(node) && (intsOf(node, 'perm') ?? [1, 0]).join() === '1,0'

const nameOf = (node: Node): string => node.name || node.output[0] || node.opType
