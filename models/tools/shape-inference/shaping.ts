import { intOf, intsOf, tensorOf } from '../graph/attributes.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Node } from '../onnx/model.ts'
import { axisOf, type InferenceRule, isIntegers, known, like, type NodeInputs, product } from './known.ts'

const shapeOf: InferenceRule = (node, [input]) => {
  const shape = input?.shape
  if (!shape) return [known(DataType.INT64, undefined)]
  const sizes = shape.slice(intOf(node, 'start', 0), hasEnd(node) ? intOf(node, 'end', 0) : undefined)
  return [known(DataType.INT64, [sizes.length], sizes)]
}

const hasEnd = (node: Node) => node.attribute.some(({ name }) => name === 'end')

const size: InferenceRule = (_node, [input]) => [
  known(DataType.INT64, [], input?.shape && [product(input.shape)]),
]

/** Axes are an attribute in older operator sets and an input in newer ones. */
export const axesOf = (node: Node, inputs: NodeInputs, position: number): readonly number[] | undefined =>
  intsOf(node, 'axes') ?? inputs[position]?.ints

const unsqueeze: InferenceRule = (node, inputs) => {
  const [input] = inputs
  const axes = axesOf(node, inputs, 1)
  if (!input?.shape || !axes) return [like(input, undefined)]
  const rank = input.shape.length + axes.length
  const added = new Set(axes.map((axis) => axisOf(axis, rank)))
  const rest = [...input.shape]
  const shape = Array.from({ length: rank }, (_, axis) =>
    added.has(axis) ? 1 : (rest.shift() ?? Number.NaN),
  )
  return [known(input.type, shape, input.ints)]
}

const squeeze: InferenceRule = (node, inputs) => {
  const [input] = inputs
  if (!input?.shape) return [like(input, undefined)]
  const rank = input.shape.length
  const axes = axesOf(node, inputs, 1)?.map((axis) => axisOf(axis, rank))
  const shape = input.shape.filter((one, axis) => (axes ? !axes.includes(axis) : one !== 1))
  return [known(input.type, shape, input.ints)]
}

const reshape: InferenceRule = (node, inputs) => {
  const [input, shapeInput] = inputs
  const sizes = shapeInput?.ints ?? intsOf(node, 'shape')
  if (!input?.shape || !sizes) return [like(input, undefined)]
  const keepZero = intOf(node, 'allowzero', 0) === 1
  const copied = sizes.map((one, axis) =>
    one === 0 && !keepZero ? (input.shape?.[axis] ?? Number.NaN) : one,
  )
  const rest = copied.reduce((all, one) => (one === -1 ? all : all * one), 1)
  const shape = copied.map((one) => (one === -1 ? product(input.shape ?? []) / rest : one))
  return [known(input.type, shape, input.ints)]
}

/** Our own functions, which unpack blocks of weights to floats of a given shape. @param perByte Weights of a byte. */
const unpack =
  (perByte: number): InferenceRule =>
  (node, [packed, , shape]) =>
    reshape(node, [known(DataType.FLOAT, packed?.shape && [product(packed.shape) * perByte]), shape])

const flatten: InferenceRule = (node, [input]) => {
  if (!input?.shape) return [like(input, undefined)]
  const axis = axisOf(intOf(node, 'axis', 1), input.shape.length)
  return [like(input, [product(input.shape.slice(0, axis)), product(input.shape.slice(axis))])]
}

const transpose: InferenceRule = (node, [input]) => {
  const shape = input?.shape
  const order = intsOf(node, 'perm') ?? shape?.map((_, axis) => axis).reverse()
  if (!shape || !order) return [like(input, undefined)]
  const sizes = order.map((axis) => shape[axis] ?? Number.NaN)
  // PyTorch transposes the padding of a Pad as a matrix.
  const transposed = shape.length === 2 && order[0] === 1 ? transposeInts(input.ints, shape) : undefined
  return [known(input.type, sizes, transposed)]
}

const transposeInts = (ints: readonly number[] | undefined, [rows = 0, columns = 0]: readonly number[]) =>
  ints?.map((_, index) => ints[(index % rows) * columns + Math.floor(index / rows)] ?? Number.NaN)

const expand: InferenceRule = (_node, [input, shapeInput]) => {
  const [shape, target] = [input?.shape, shapeInput?.ints]
  if (!shape || !target) return [like(input, undefined)]
  const rank = Math.max(shape.length, target.length)
  const at = (list: readonly number[], axis: number) => list[axis - rank + list.length] ?? 1
  const sizes = Array.from({ length: rank }, (_, axis) => {
    const [own, other] = [at(shape, axis), at(target, axis)]
    return own === 1 ? other : own
  })
  return [like(input, sizes)]
}

const tile: InferenceRule = (_node, [input, repeats]) => [
  like(
    input,
    input?.shape?.map((one, axis) => one * (repeats?.ints?.[axis] ?? Number.NaN)),
  ),
]

const constantOfShape: InferenceRule = (node, [shape]) => {
  const value = tensorOf(node, 'value')
  const type = value?.dataType ?? DataType.FLOAT
  const count = shape?.ints && product(shape.ints)
  const element = Number(value?.int64Data[0] ?? value?.int32Data[0] ?? firstInteger(value?.rawData, type))
  const ints =
    count !== undefined && count <= 64 && isIntegers(type)
      ? new Array<number>(Math.max(0, count)).fill(element)
      : undefined
  return [known(type, shape?.ints, ints)]
}

function firstInteger(raw: Uint8Array | undefined, type: number): number {
  if (!raw || raw.length < (type === DataType.INT64 ? 8 : 4)) return 0
  const view = new DataView(raw.buffer, raw.byteOffset)
  return type === DataType.INT64 ? Number(view.getBigInt64(0, true)) : view.getInt32(0, true)
}

const range: InferenceRule = (_node, [start, limit, delta]) => {
  const [from, to, step] = [start?.ints?.[0], limit?.ints?.[0], delta?.ints?.[0]]
  if (from === undefined || to === undefined || !step) return [like(start, undefined)]
  const count = Math.max(0, Math.ceil((to - from) / step))
  const ints = count <= 4096 ? Array.from({ length: count }, (_, index) => from + index * step) : undefined
  return [known(start?.type ?? 0, [count], ints)]
}

const pad: InferenceRule = (node, [input, pads]) => {
  const shape = input?.shape
  const sizes = pads?.ints ?? intsOf(node, 'pads')
  if (!shape || sizes?.length !== shape.length * 2) return [like(input, undefined)]
  return [
    like(
      input,
      shape.map((one, axis) => one + (sizes[axis] ?? 0) + (sizes[axis + shape.length] ?? 0)),
    ),
  ]
}

const depthToSpace: InferenceRule = (node, [input]) => {
  const [n, c, h, w] = input?.shape ?? []
  const block = intOf(node, 'blocksize', 1)
  const [batch, channels, height, width] = [n, c, h, w].map((one) => one ?? Number.NaN)
  const shape = [batch, (channels ?? 0) / block ** 2, (height ?? 0) * block, (width ?? 0) * block]
  return [like(input, input?.shape && shape.map((one) => one ?? Number.NaN))]
}

export const shaping: readonly [string, InferenceRule][] = [
  ['Shape', shapeOf],
  ['Size', size],
  ['Unsqueeze', unsqueeze],
  ['Squeeze', squeeze],
  ['Reshape', reshape],
  ['spillway.Unpack4', unpack(2)],
  ['spillway.Unpack8', unpack(1)],
  ['Flatten', flatten],
  ['Transpose', transpose],
  ['Expand', expand],
  ['Tile', tile],
  ['ConstantOfShape', constantOfShape],
  ['Range', range],
  ['Pad', pad],
  ['DepthToSpace', depthToSpace],
]
