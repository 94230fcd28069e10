import { intOf, intsOf, stringOf } from '../graph/attributes.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Node } from '../onnx/model.ts'
import { axisOf, broadcast, type InferenceRule, known, like } from './known.ts'
import { axesOf } from './shaping.ts'

export function matMulShape(
  a: readonly number[] | undefined,
  b: readonly number[] | undefined,
): readonly number[] | undefined {
  if (!a?.length || !b?.length) return undefined
  const left = a.length === 1 ? [1, ...a] : a
  const right = b.length === 1 ? [...b, 1] : b
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)])
  if (left.at(-1) !== right.at(-2)) return undefined
  const rows = a.length === 1 ? [] : [left.at(-2) ?? Number.NaN]
  const columns = b.length === 1 ? [] : [right.at(-1) ?? Number.NaN]
  return batch && [...batch, ...rows, ...columns]
}

const matMul =
  (type?: number): InferenceRule =>
  (_node, [a, b]) => [known(type ?? a?.type ?? 0, matMulShape(a?.shape, b?.shape))]

const gemm: InferenceRule = (node, [a, b]) => {
  const rows = a?.shape?.[intOf(node, 'transA', 0)]
  const columns = b?.shape?.[1 - intOf(node, 'transB', 0)]
  return [like(a, rows === undefined || columns === undefined ? undefined : [rows, columns])]
}

const conv =
  (type?: number, weightAt = 1): InferenceRule =>
  (node, inputs) => {
    const [input] = inputs
    const weight = inputs[weightAt]?.shape
    const kernel = weight?.slice(2) ?? intsOf(node, 'kernel_shape')
    const shape = input?.shape && kernel && weight ? windows(node, input.shape, kernel, weight[0]) : undefined
    return [known(type ?? input?.type ?? 0, shape)]
  }

const pool: InferenceRule = (node, [input]) => {
  const kernel = intsOf(node, 'kernel_shape')
  const shape = input?.shape && kernel && windows(node, input.shape, kernel, input.shape[1])
  return node.output.map((_, index) => known(index === 0 ? (input?.type ?? 0) : DataType.INT64, shape))
}

/** Output shape of a sliding window: convolution or pooling. */
function windows(
  node: Node,
  input: readonly number[],
  kernel: readonly number[],
  channels: number | undefined,
): readonly number[] {
  const auto = stringOf(node, 'auto_pad', 'NOTSET')
  const round = intOf(node, 'ceil_mode', 0) === 1 ? Math.ceil : Math.floor
  const sizes = kernel.map((size, axis) => {
    const stride = intsOf(node, 'strides')?.[axis] ?? 1
    const extent = (size - 1) * (intsOf(node, 'dilations')?.[axis] ?? 1) + 1
    const inputSize = input[axis + 2] ?? Number.NaN
    if (auto.startsWith('SAME')) return Math.ceil(inputSize / stride)
    const pads = auto === 'VALID' ? [] : (intsOf(node, 'pads') ?? [])
    const padded = inputSize + (pads[axis] ?? 0) + (pads[axis + kernel.length] ?? 0)
    return round((padded - extent) / stride) + 1
  })
  return [input[0] ?? Number.NaN, channels ?? Number.NaN, ...sizes]
}

const convTranspose: InferenceRule = (node, [input, weight]) => {
  if (!input?.shape || !weight?.shape) return [like(input, undefined)]
  const given = intsOf(node, 'output_shape')
  const kernel = weight.shape.slice(2)
  const sizes = kernel.map((size, axis) => {
    const stride = intsOf(node, 'strides')?.[axis] ?? 1
    const extent = (size - 1) * (intsOf(node, 'dilations')?.[axis] ?? 1) + 1
    const pads = intsOf(node, 'pads') ?? []
    const same = stringOf(node, 'auto_pad', 'NOTSET').startsWith('SAME')
    const taken = same ? extent - stride : (pads[axis] ?? 0) + (pads[axis + kernel.length] ?? 0)
    const extra = intsOf(node, 'output_padding')?.[axis] ?? 0
    return (
      given?.at(axis - kernel.length) ??
      stride * ((input.shape?.[axis + 2] ?? Number.NaN) - 1) + extra + extent - taken
    )
  })
  const channels = (weight.shape[1] ?? Number.NaN) * intOf(node, 'group', 1)
  return [like(input, [input.shape[0] ?? Number.NaN, channels, ...sizes])]
}

const globalPool: InferenceRule = (_node, [input]) => [
  like(
    input,
    input?.shape?.map((size, axis) => (axis < 2 ? size : 1)),
  ),
]

const reduce =
  (type?: number): InferenceRule =>
  (node, inputs) => {
    const [input] = inputs
    const shape = input?.shape
    const rank = shape?.length ?? 0
    const keep = intOf(node, 'keepdims', 1) === 1
    const given = type === undefined ? axesOf(node, inputs, 1) : [intOf(node, 'axis', 0)]
    const none = given === undefined || given.length === 0
    // Axes from an input without known values leave the shape unknown; absent axes mean all.
    if (given === undefined && inputs[1] !== undefined) return [known(type ?? input?.type ?? 0, undefined)]
    const all = none && intOf(node, 'noop_with_empty_axes', 0) === 0
    const axes = new Set(all ? shape?.keys() : given?.map((axis) => axisOf(axis, rank)))
    const sizes = shape?.flatMap((size, axis) => (axes.has(axis) ? (keep ? [1] : []) : [size]))
    return [known(type ?? input?.type ?? 0, sizes)]
  }

const recurrent: InferenceRule = (node, inputs) => {
  const [input] = inputs
  const [steps, batch] = input?.shape ?? []
  const hidden = intOf(node, 'hidden_size', inputs[2]?.shape?.[2] ?? Number.NaN)
  const directions = inputs[1]?.shape?.[0]
  if (steps === undefined || batch === undefined || directions === undefined)
    return node.output.map(() => like(input, undefined))
  const state = like(input, [directions, batch, hidden])
  return [like(input, [steps, directions, batch, hidden]), state, state].slice(0, node.output.length)
}

const resize: InferenceRule = (_node, inputs) => {
  const [input] = inputs
  const sizes = inputs[3]?.ints
  return [like(input, sizes)]
}

const reductions =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare'

export const compute: readonly [string, InferenceRule][] = [
  ['MatMul', matMul()],
  ['MatMulInteger', matMul(DataType.INT32)],
  ['Gemm', gemm],
  ['Conv', conv()],
  ['ConvInteger', conv(DataType.INT32)],
  ['QLinearConv', conv(undefined, 3)],
  ['ConvTranspose', convTranspose],
  ['MaxPool', pool],
  ['AveragePool', pool],
  ['LpPool', pool],
  ['GlobalAveragePool', globalPool],
  ['GlobalMaxPool', globalPool],
  ...reductions.split(' ').map((name): [string, InferenceRule] => [name, reduce()]),
  ['ArgMax', reduce(DataType.INT64)],
  ['ArgMin', reduce(DataType.INT64)],
  ['LSTM', recurrent],
  ['GRU', recurrent],
  ['RNN', recurrent],
  ['Resize', resize],
]
