import { intOf, intsOf, makeAttribute } from '../graph/attributes.ts'
import { changeNode } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import { floatsOf } from '../onnx/values.ts'
import type { Weight } from '../onnx/weight.ts'
import { axisOf, product } from '../shape-inference/known.ts'
import type { ChannelRule, Channels, PassContext } from './channel-rule.ts'

const conv: ChannelRule = (context) => {
  const { node } = context
  const weight = floats(context, node.input[1])
  const bias = floats(context, node.input[2])
  if (!weight || (node.input[2] && !bias)) return undefined
  const group = intOf(node, 'group', 1)
  if (group === 1) return layer(context, { weight, reads: 1, makes: 0, bias, valueAxis: 1, outAxis: 1 })
  return depthwise(context, weight, bias, group)
}

/** A depthwise convolution: each output channel depends on its own input channel. */
function depthwise(context: PassContext, weight: Weight, bias: Weight | undefined, group: number) {
  const given = context.channels(context.node.input[0])
  if (given?.axis !== 1 || weight.dims[0] !== group || given.groups.length !== group) return undefined
  for (const one of bias ? [weight, bias] : [weight]) {
    context.cut({ weight: one, axis: 0, groups: given.groups, role: 'follows' })
  }
  context.change(given.groups, (node, kept) =>
    changeNode(node, {
      attribute: node.attribute.map((one) => (one.name === 'group' ? makeAttribute('group', kept) : one)),
    }),
  )
  const added = bias ? floatsOf(bias) : undefined
  const rest = given.rest.map((one, index) => (one === 0 ? (added?.[index] ?? 0) : Number.NaN))
  return { ...given, rest }
}

const gemm: ChannelRule = (context) => {
  const { node } = context
  const weight = floats(context, node.input[1])
  const bias = floats(context, node.input[2])
  const reads = intOf(node, 'transB', 0) === 1 ? 1 : 0
  const outputs = weight?.dims[1 - reads]
  const unsupported = intOf(node, 'transA', 0) === 1 || (node.input[2] && bias?.dims.at(-1) !== outputs)
  if (weight?.dims.length !== 2 || unsupported) return undefined
  return layer(context, { weight, reads, makes: 1 - reads, bias, valueAxis: 1, outAxis: 1 })
}

const matMul: ChannelRule = (context) => {
  const { node } = context
  const weight = floats(context, node.input[1])
  const rank = context.known(node.input[0])?.shape?.length
  if (weight?.dims.length !== 2 || rank === undefined || rank < 2) return undefined
  return layer(context, {
    weight,
    reads: 0,
    makes: 1,
    bias: undefined,
    valueAxis: rank - 1,
    outAxis: rank - 1,
  })
}

interface Layer {
  readonly weight: Weight
  /** The weight's axes along the input channels and along the output channels. */
  readonly reads: number
  readonly makes: number
  readonly bias: Weight | undefined
  /** The channel axis of the input and of the output. */
  readonly valueAxis: number
  readonly outAxis: number
}

function layer(
  context: PassContext,
  { weight, reads, makes, bias, valueAxis, outAxis }: Layer,
): Channels | undefined {
  const [value = ''] = context.node.input
  const given = context.channels(value)
  const fits = given?.axis === valueAxis && given.groups.length === weight.dims[reads]
  if (given && !fits) return undefined
  if (given) {
    context.cut({
      weight,
      axis: reads,
      groups: given.groups,
      role: 'reads',
      value,
      valueAxis,
      rest: given.rest,
    })
  }
  const groups = context.groups.make(weight.dims[makes] ?? 0)
  context.cut({ weight, axis: makes, groups, role: 'makes' })
  if (bias) context.cut({ weight: bias, axis: bias.dims.length - 1, groups, role: 'follows' })
  const added = bias ? floatsOf(bias) : undefined
  return { axis: outAxis, groups, rest: groups.map((_, index) => added?.[index] ?? 0) }
}

/** An elementwise operator: the channels stay the same. */
const elementwise =
  (apply: (value: number) => number): ChannelRule =>
  ({ node, channels }) => {
    const given = channels(node.input[0])
    return given && { ...given, rest: given.rest.map(apply) }
  }

const keepZero = (value: number) => (value === 0 ? 0 : Number.NaN)

/** Pooling over each channel. */
const pool: ChannelRule = ({ node, channels }) => {
  const given = channels(node.input[0])
  return given?.axis === 1 && node.output.length === 1
    ? { ...given, rest: given.rest.map(keepZero) }
    : undefined
}

/** A binary operator on two values, or on a value and a stored parameter per channel. */
const pair =
  (combine: (a: number, b: number) => number): ChannelRule =>
  (context) => {
    const { node } = context
    const [a, b] = [context.channels(node.input[0]), context.channels(node.input[1])]
    if (a && b) return joined(context, a, b, combine)
    const given = a ?? b
    const stored = floats(context, node.input[a ? 1 : 0])
    const rank = context.known(node.input[a ? 0 : 1])?.shape?.length
    if (!given || !stored || rank === undefined || stored.dims.length > rank) return undefined
    const axis = given.axis - (rank - stored.dims.length)
    const size = stored.dims[axis] ?? 1
    if (size !== 1 && size !== given.groups.length) return undefined
    if (size !== 1) context.cut({ weight: stored, axis, groups: given.groups, role: 'follows' })
    // A parameter that differs within a channel leaves its value unknown.
    const plain = stored.dims.every((one, at) => one === 1 || at === axis)
    const values = plain ? floatsOf(stored) : undefined
    const other = (index: number) => values?.[size === 1 ? 0 : index] ?? Number.NaN
    const rest = given.rest.map((one, index) => (a ? combine(one, other(index)) : combine(other(index), one)))
    return { ...given, rest }
  }

function joined(
  { node, groups, known }: PassContext,
  a: Channels,
  b: Channels,
  combine: (a: number, b: number) => number,
): Channels | undefined {
  const ranks = node.input.map((name) => known(name)?.shape?.length)
  if (ranks[0] === undefined || ranks[0] !== ranks[1]) return undefined
  if (a.axis !== b.axis || a.groups.length !== b.groups.length) return undefined
  for (const [index, group] of a.groups.entries()) groups.join(group, b.groups[index] ?? group)
  return { ...a, rest: a.rest.map((one, index) => combine(one, b.rest[index] ?? Number.NaN)) }
}

const concat: ChannelRule = ({ node, groups, channels, known }) => {
  const all = node.input.map(channels)
  const [first] = all.flatMap((one) => one ?? [])
  const rank = known(node.output[0])?.shape?.length
  if (!first || rank === undefined || axisOf(intOf(node, 'axis', 0), rank) !== first.axis) return undefined
  const parts = node.input.map((name, index): Channels | undefined => {
    const given = all[index]
    if (given) return given.axis === first.axis ? given : undefined
    const size = known(name)?.shape?.[first.axis]
    if (size === undefined) return undefined
    // Channels that no layer makes keep their places, so they are pinned.
    const made = groups.make(size)
    groups.pin(made, 'no layer makes it')
    return { axis: first.axis, groups: made, rest: made.map(() => Number.NaN) }
  })
  const found = parts.flatMap((part) => part ?? [])
  if (found.length < parts.length) return undefined
  return {
    axis: first.axis,
    groups: found.flatMap((part) => part.groups),
    rest: found.flatMap((part) => part.rest),
  }
}

/** Flattening: each channel becomes as many columns as it has positions. */
const flatten: ChannelRule = ({ node, channels, known }) => {
  const given = channels(node.input[0])
  const shape = known(node.input[0])?.shape
  if (given?.axis !== 1 || !shape || axisOf(intOf(node, 'axis', 1), shape.length) !== 1) return undefined
  const each = product(shape.slice(2))
  const spread = <T>(list: readonly T[]) => list.flatMap((one) => new Array<T>(each).fill(one))
  return { axis: 1, groups: spread(given.groups), rest: spread(given.rest) }
}

const transpose: ChannelRule = ({ node, channels }) => {
  const given = channels(node.input[0])
  const order = intsOf(node, 'perm')
  return given && order ? { ...given, axis: order.indexOf(given.axis) } : undefined
}

const reduceMean: ChannelRule = ({ node, channels, known }) => {
  const given = channels(node.input[0])
  const rank = known(node.input[0])?.shape?.length
  const axes = intsOf(node, 'axes') ?? known(node.input[1])?.ints
  if (!given || rank === undefined || !axes) return undefined
  const reduced = axes.map((axis) => axisOf(axis, rank))
  if (reduced.includes(given.axis)) return undefined
  const before = reduced.filter((axis) => axis < given.axis).length
  return intOf(node, 'keepdims', 1) === 1 ? given : { ...given, axis: given.axis - before }
}

/** A stored float32 weight that only this node reads. */
function floats(context: PassContext, name: string | undefined): Weight | undefined {
  const weight = context.weight(name)
  return weight?.type === DataType.FLOAT ? weight : undefined
}

const named = (names: string, rule: ChannelRule): [string, ChannelRule][] =>
  names.split(' ').map((name) => [name, rule])

export const rules: ReadonlyMap<string, ChannelRule> = new Map([
  ['Conv', conv],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['Relu', elementwise((value) => Math.max(0, value))],
  ...named(
    'Identity Cast Dropout',
    elementwise((value) => value),
  ),
  ...named(
    'Abs Celu Elu Erf Gelu HardSwish LeakyRelu Mish Neg Selu Sign Softsign Swish Tanh',
    elementwise(keepZero),
  ),
  ...named(
    'Sigmoid HardSigmoid Softplus Clip Sqrt',
    elementwise(() => Number.NaN),
  ),
  ...named('AveragePool GlobalAveragePool GlobalMaxPool MaxPool LpPool', pool),
  ['Add', pair((a, b) => a + b)],
  ['Sub', pair((a, b) => a - b)],
  ['Mul', pair((a, b) => (a === 0 || b === 0 ? 0 : a * b))],
  ['Div', pair((a, b) => a / b)],
  ['PRelu', pair((value) => (value >= 0 ? value : Number.NaN))],
  ['Concat', concat],
  ['Flatten', flatten],
  ['Transpose', transpose],
  ['ReduceMean', reduceMean],
])
