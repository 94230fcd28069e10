import { intOf, intsOf } from '../graph/attributes.ts'
import { DataType } from '../onnx/data-type.ts'
import { axisOf, type InferenceRule, known, like } from './known.ts'

const gather: InferenceRule = (node, [data, indices]) => {
  const rank = data?.shape?.length ?? 0
  const axis = axisOf(intOf(node, 'axis', 0), rank)
  const shape = data?.shape &&
    indices?.shape && [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)]
  const list = data?.ints
  const chosen = list && rank === 1 ? indices?.ints?.map((at) => list.at(at) ?? Number.NaN) : undefined
  return [known(data?.type ?? 0, shape, chosen)]
}

const gatherElements: InferenceRule = (_node, [data, indices]) => [like(data, indices?.shape)]

const gatherNd: InferenceRule = (node, [data, indices]) => {
  const batch = intOf(node, 'batch_dims', 0)
  const last = indices?.shape?.at(-1)
  if (!data?.shape || !indices?.shape || last === undefined) return [like(data, undefined)]
  return [like(data, [...indices.shape.slice(0, -1), ...data.shape.slice(batch + last)])]
}

const slice: InferenceRule = (node, [data, starts, ends, axes, steps]) => {
  const from = starts?.ints ?? intsOf(node, 'starts')
  const to = ends?.ints ?? intsOf(node, 'ends')
  if (!data?.shape || !from || !to) return [like(data, undefined)]
  const along = axes?.ints ?? intsOf(node, 'axes') ?? from.map((_, index) => index)
  const ranges = data.shape.map((size): Range => ({ start: 0, count: size, step: 1 }))
  for (const [index, axis] of along.entries()) {
    const at = axisOf(axis, data.shape.length)
    const size = data.shape[at]
    // An untrusted file may name an axis that does not exist.
    if (size === undefined) return [like(data, undefined)]
    ranges[at] = rangeOf(size, from[index] ?? 0, to[index] ?? 0, steps?.ints?.[index] ?? 1)
  }
  const ints = data.ints && pick(data.ints, data.shape, ranges)
  return [
    known(
      data.type,
      ranges.map(({ count }) => count),
      ints,
    ),
  ]
}

interface Range {
  readonly start: number
  readonly count: number
  readonly step: number
}

function rangeOf(size: number, from: number, to: number, step: number): Range {
  const clamp = (at: number, low: number, high: number) =>
    Math.min(high, Math.max(low, at < 0 ? at + size : at))
  const start = step > 0 ? clamp(from, 0, size) : clamp(from, -1, size - 1)
  const end = step > 0 ? clamp(to, 0, size) : clamp(to, -1, size - 1)
  return { start, step, count: step === 0 ? Number.NaN : Math.max(0, Math.ceil((end - start) / step)) }
}

/** Elements of a small tensor at the crossings of ranges along its axes, in row-major order. */
function pick(
  elements: readonly number[],
  shape: readonly number[],
  ranges: readonly Range[],
): readonly number[] {
  let places = [0]
  for (const [axis, { start, count, step }] of ranges.entries()) {
    const along = Array.from({ length: Math.min(elements.length, count) }, (_, index) => start + index * step)
    places = places.flatMap((place) => along.map((at) => place * (shape[axis] ?? 1) + at))
    if (places.length > elements.length) return []
  }
  return places.map((place) => elements[place] ?? Number.NaN)
}

const concat: InferenceRule = (node, inputs) => {
  const [first] = inputs
  if (!first?.shape || inputs.some((input) => input?.shape?.length !== first.shape?.length)) {
    return [like(first, undefined)]
  }
  const axis = axisOf(intOf(node, 'axis', 0), first.shape.length)
  const sum = inputs.reduce((all, input) => all + (input?.shape?.[axis] ?? Number.NaN), 0)
  const shape = first.shape.map((size, at) => (at === axis ? sum : size))
  const ints = inputs.every((input) => input?.ints) ? inputs.flatMap((input) => input?.ints ?? []) : undefined
  return [known(first.type, shape, first.shape.length === 1 ? ints : undefined)]
}

const split: InferenceRule = (node, [data, sizes]) => {
  const count = node.output.length
  const shape = data?.shape
  if (!shape) return node.output.map(() => like(data, undefined))
  const axis = axisOf(intOf(node, 'axis', 0), shape.length)
  const total = shape[axis] ?? Number.NaN
  const each = Math.ceil(total / count)
  const parts =
    sizes?.ints ??
    intsOf(node, 'split') ??
    node.output.map((_, index) => (index < count - 1 ? each : total - each * (count - 1)))
  return node.output.map((_, index) =>
    like(
      data,
      shape.map((size, at) => (at === axis ? (parts[index] ?? Number.NaN) : size)),
    ),
  )
}

const topK: InferenceRule = (node, [data, k]) => {
  const count = k?.ints?.[0] ?? intOf(node, 'k', Number.NaN)
  const shape = data?.shape
  const axis = axisOf(intOf(node, 'axis', -1), shape?.length ?? 0)
  const sizes = shape?.map((size, at) => (at === axis ? count : size))
  return [like(data, sizes), known(DataType.INT64, sizes)]
}

const oneHot: InferenceRule = (node, [indices, depth, values]) => {
  const shape = indices?.shape
  const size = depth?.ints?.[0]
  if (!shape || size === undefined) return [like(values, undefined)]
  const axis = axisOf(intOf(node, 'axis', -1), shape.length + 1)
  return [like(values, [...shape.slice(0, axis), size, ...shape.slice(axis)])]
}

export const indexing: readonly [string, InferenceRule][] = [
  ['Gather', gather],
  ['GatherElements', gatherElements],
  ['GatherND', gatherNd],
  ['Slice', slice],
  ['Concat', concat],
  ['Split', split],
  ['TopK', topK],
  ['OneHot', oneHot],
]
