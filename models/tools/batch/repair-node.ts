import { intOf } from '../graph/attributes.ts'
import { changeNode, isStandard, makeNode } from '../graph/node.ts'
import type { Node } from '../onnx/model.ts'
import { int64Weight, type Weight } from '../onnx/weight.ts'
import type { Inference } from '../shape-inference/infer-shapes.ts'
import { axisOf, type KnownValue, product } from '../shape-inference/known.ts'

/** The inferred shapes of a model with its fixed batch and with a larger one. */
export interface RepairContext {
  readonly before: Inference
  readonly after: Inference
  readonly batch: number
  /** The larger batch divided by the fixed one. */
  readonly factor: number
  /** A name that is not taken, close to the given one. */
  fresh(base: string): string
}

/** The replacement of a node. */
export interface Repair {
  readonly nodes: readonly Node[]
  readonly weights: readonly Weight[]
}

type RepairRule = (node: Node, context: RepairContext) => Repair | undefined

/** A replacement for a node that has the fixed batch in its constants; undefined where none is needed or known. */
export const repairOf: RepairRule = (node, context) =>
  isStandard(node) ? rules.get(node.opType)?.(node, context) : undefined

/** The axis along which a value grows with the batch; undefined where it does not. */
function batchAxis(name: string | undefined, { before, after, factor }: RepairContext): number | undefined {
  const [was, is] = [before, after].map(({ values }) => values.get(name ?? '')?.shape)
  if (!was || was.length !== is?.length) return undefined
  const grown = [...was.keys()].filter((axis) => was[axis] !== is[axis])
  const [axis] = grown
  return axis !== undefined && grown.length === 1 && is[axis] === (was[axis] ?? 0) * factor ? axis : undefined
}

const shapeBefore = (name: string | undefined, { before }: RepairContext): readonly number[] | undefined =>
  before.values.get(name ?? '')?.shape

/** Integers that are constants of the file and do not depend on the batch. */
function constantInts(
  name: string | undefined,
  { before, after }: RepairContext,
): readonly number[] | undefined {
  const [was, is] = [before, after].map(({ values }): KnownValue | undefined => values.get(name ?? ''))
  return was?.ints?.join() === is?.ints?.join() ? was?.ints : undefined
}

const reshape: RepairRule = (node, context) => {
  const [data, target] = node.input
  const axis = batchAxis(data, context)
  const [from, to] = [shapeBefore(data, context), shapeBefore(node.output[0], context)]
  const sizes = constantInts(target, context)
  if (axis === undefined || !from || !to || !sizes || to.includes(0)) return undefined
  const before = product(from.slice(0, axis))
  const batchPosition = to.findIndex((_, index) => product(to.slice(0, index)) === before)
  if (batchPosition < 0) return undefined
  const grown = to.map((size, index) => (index === batchPosition ? size * context.factor : size))
  if (context.after.outputsOf(node)[0]?.shape?.join() === grown.join()) return undefined
  // A copied size (0) leaves the −1 to another dimension.
  const copied =
    batchPosition === axis && to[batchPosition] === from[axis] && intOf(node, 'allowzero', 0) === 0
  const free = to.map((size, index) => {
    if (index === batchPosition) return copied ? 0 : -1
    const own = sizes[index] ?? size
    return own === -1 && !copied ? size : own
  })
  const shape = int64Weight(context.fresh(`${target}_batch`), free)
  return {
    nodes: [changeNode(node, { input: [data ?? '', shape.name, ...node.input.slice(2)] })],
    weights: [shape],
  }
}

/** Concatenated values without a batch dimension are repeated for each row. */
const concat: RepairRule = (node, context) => {
  const rows = node.input.find((name) => batchAxis(name, context) !== undefined)
  const axis = batchAxis(rows, context)
  if (rows === undefined || axis === undefined) return undefined
  const rank = shapeBefore(rows, context)?.length ?? 0
  if (axisOf(intOf(node, 'axis', 0), rank) === axis) return undefined
  return repeatInputs(node, node.input.keys(), axis, { name: rows, axis }, context)
}

/** The initial states of a recurrent layer are often constants for the fixed batch. */
const recurrent: RepairRule = (node, context) => {
  const rows = intOf(node, 'layout', 0) === 1 ? 0 : 1
  if (batchAxis(node.input[0], context) !== rows) return undefined
  return repeatInputs(node, [5, 6], rows, { name: node.input[0] ?? '', axis: rows }, context)
}

/** A value and its batch axis. */
interface Rows {
  readonly name: string
  readonly axis: number
}

/** Expands those inputs that have one row where `rows` has several. */
function repeatInputs(
  node: Node,
  positions: Iterable<number>,
  axis: number,
  rows: Rows,
  context: RepairContext,
): Repair | undefined {
  const input = [...node.input]
  const [nodes, weights]: [Node[], Weight[]] = [[], []]
  for (const position of positions) {
    const name = node.input[position]
    const shape = shapeBefore(name, context)
    if (!name || shape?.[axis] !== 1 || batchAxis(name, context) !== undefined) continue
    const ones = (count: number) => new Array<number>(count).fill(1)
    const size = shapeWith(ones(axis), rows, ones(shape.length - axis - 1), context)
    const output = context.fresh(`${name}_rows`)
    nodes.push(...size.nodes, makeNode({ op: 'Expand', inputs: [name, size.name], outputs: [output] }))
    weights.push(...size.weights)
    input[position] = output
  }
  return nodes.length === 0 ? undefined : { nodes: [...nodes, changeNode(node, { input })], weights }
}

const resize: RepairRule = (node, context) => {
  const [data, , , target] = node.input
  const axis = batchAxis(data, context)
  const sizes = constantInts(target, context)
  if (axis === undefined || !data || sizes?.[axis] !== shapeBefore(data, context)?.[axis] || !sizes)
    return undefined
  const size = shapeWith(sizes.slice(0, axis), { name: data, axis }, sizes.slice(axis + 1), context)
  const input = [...node.input.slice(0, 3), size.name]
  return { nodes: [...size.nodes, changeNode(node, { input })], weights: size.weights }
}

/** A shape that is computed while the model runs, with the number of rows read from a value. */
function shapeWith(
  before: readonly number[],
  rows: Rows,
  after: readonly number[],
  context: RepairContext,
): Repair & { readonly name: string } {
  const named = (what: string) => context.fresh(`${rows.name}_${what}`)
  const [shape, count, name] = [named('shape'), named('rows'), named('size')]
  const axis = int64Weight(named('axis'), [rows.axis])
  const [first, last] = [int64Weight(named('before'), before), int64Weight(named('after'), after)]
  const parts = [...(before.length > 0 ? [first] : []), count, ...(after.length > 0 ? [last] : [])]
  return {
    name,
    nodes: [
      makeNode({ op: 'Shape', inputs: [rows.name], outputs: [shape] }),
      makeNode({ op: 'Gather', inputs: [shape, axis.name], outputs: [count], attributes: { axis: 0 } }),
      makeNode({
        op: 'Concat',
        inputs: parts.map((part) => (typeof part === 'string' ? part : part.name)),
        outputs: [name],
        attributes: { axis: 0 },
      }),
    ],
    weights: [axis, ...parts.filter((part) => typeof part !== 'string')],
  }
}

const rules = new Map<string, RepairRule>([
  ['Reshape', reshape],
  ['Concat', concat],
  ['Resize', resize],
  ['LSTM', recurrent],
  ['GRU', recurrent],
  ['RNN', recurrent],
])
