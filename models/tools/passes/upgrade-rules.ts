import { opsetTooOld } from '../errors.ts'
import { floatOf, hasAttribute, intOf, intsOf, stringOf } from '../graph/attributes.ts'
import { changeNode, makeNode } from '../graph/node.ts'
import type { Node } from '../onnx/model.ts'
import { showNode } from '../onnx/sort-nodes.ts'
import { floatWeight, int64Weight, type Weight } from '../onnx/weight.ts'
import type { KnownValue } from '../shape-inference/known.ts'

/** What the upgrade of an operator may use. */
export interface UpgradeContext {
  readonly opset: number
  /** The inferred type and shape of a value. */
  known(name: string): KnownValue | undefined
  /** Adds a small weight and returns its name. */
  weight(weight: Weight): string
  fresh(base: string): string
}

export type UpgradeRule = (node: Node, context: UpgradeContext) => readonly Node[]

const without = (node: Node, ...names: readonly string[]) =>
  node.attribute.filter(({ name }) => !names.includes(name))

/** Attributes of integers that became inputs, in the order of the inputs. */
const intsToInputs =
  (...names: readonly string[]): UpgradeRule =>
  (node, context) => {
    if (!names.some((name) => hasAttribute(node, name))) return [node]
    const added = names.map((name) => {
      const ints = intsOf(node, name)
      return ints === undefined ? '' : context.weight(int64Weight(`${node.output[0]}_${name}`, ints))
    })
    return [
      changeNode(node, { input: [...node.input, ...trimmed(added)], attribute: without(node, ...names) }),
    ]
  }

/** Optional inputs are left out at the end and empty elsewhere. */
function trimmed(names: readonly string[]): readonly string[] {
  const last = names.findLastIndex((name) => name !== '')
  return names.slice(0, last + 1)
}

const pad: UpgradeRule = (node, context) => {
  if (!hasAttribute(node, 'pads')) return [node]
  const pads = context.weight(int64Weight(`${node.output[0]}_pads`, intsOf(node, 'pads') ?? []))
  const value = context.weight(floatWeight(`${node.output[0]}_value`, [floatOf(node, 'value', 0)], []))
  return [
    changeNode(node, { input: [...node.input, pads, value], attribute: without(node, 'pads', 'value') }),
  ]
}

const clip: UpgradeRule = (node, context) => {
  if (context.opset >= 11) return [node]
  const limits = ['min', 'max'].map((name) =>
    hasAttribute(node, name)
      ? context.weight(floatWeight(`${node.output[0]}_${name}`, [floatOf(node, name, 0)], []))
      : '',
  )
  return [
    changeNode(node, { input: [...node.input, ...trimmed(limits)], attribute: without(node, 'min', 'max') }),
  ]
}

const topK: UpgradeRule = (node, context) => {
  if (!hasAttribute(node, 'k')) return [node]
  const k = context.weight(int64Weight(`${node.output[0]}_k`, [intOf(node, 'k', 1)]))
  return [changeNode(node, { input: [...node.input, k], attribute: without(node, 'k') })]
}

/** Older versions work on the matrix that the axis splits a tensor into, newer ones along the axis. */
const softmax: UpgradeRule = (node, context) => {
  const [input = '', output = ''] = [node.input[0], node.output[0]]
  const rank = context.known(input)?.shape?.length
  const given = intOf(node, 'axis', 1)
  if (rank === undefined)
    throw opsetTooOld(`The rank of what ${showNode(node)} reads is not known`, 'a declared shape')
  const axis = given < 0 ? given + rank : given
  const last = [
    ...without(node, 'axis'),
    ...makeNode({ op: '', inputs: [], outputs: [], attributes: { axis: -1 } }).attribute,
  ]
  if (axis === rank - 1) return [changeNode(node, { attribute: last })]
  const [flat, soft, shape] = ['flat', 'soft', 'shape'].map((role) => context.fresh(`${output}_${role}`))
  const [from, to, sizes] = [flat ?? '', soft ?? '', shape ?? '']
  return [
    makeNode({ op: 'Shape', inputs: [input], outputs: [sizes] }),
    makeNode({ op: 'Flatten', inputs: [input], outputs: [from], attributes: { axis } }),
    changeNode(node, { input: [from], output: [to], attribute: last }),
    makeNode({ op: 'Reshape', inputs: [to, sizes], outputs: [output] }),
  ]
}

/** The older resizing operators map positions asymmetrically and round down. */
const resize: UpgradeRule = (node, context) => {
  if (context.opset >= 11) return [node]
  const floats = node.attribute.find(({ name }) => name === 'scales')?.floats
  const scales = floats
    ? context.weight(floatWeight(`${node.output[0]}_scales`, floats))
    : (node.input[1] ?? '')
  return [
    makeNode({
      op: 'Resize',
      inputs: [node.input[0] ?? '', '', scales],
      outputs: node.output,
      attributes: {
        mode: stringOf(node, 'mode', 'nearest'),
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      },
    }),
  ]
}

const drop =
  (...names: readonly string[]): UpgradeRule =>
  (node) => [changeNode(node, { attribute: without(node, ...names) })]

export const upgrades: ReadonlyMap<string, UpgradeRule> = new Map<string, UpgradeRule>([
  ['Slice', intsToInputs('starts', 'ends', 'axes')],
  ['Squeeze', intsToInputs('axes')],
  ['Unsqueeze', intsToInputs('axes')],
  ['Split', intsToInputs('split')],
  ['ReduceSum', intsToInputs('axes')],
  ['Pad', pad],
  ['Clip', clip],
  ['TopK', topK],
  ['Softmax', softmax],
  ['LogSoftmax', softmax],
  ['Hardmax', softmax],
  ['Upsample', resize],
  ['Resize', resize],
  ['Dropout', drop('ratio')],
  ['BatchNormalization', drop('spatial')],
  ['Scatter', (node) => [changeNode(node, { opType: 'ScatterElements' })]],
])
