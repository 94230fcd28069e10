import { createData, elementCount, isStrings, type Tensor, type TensorData } from '../tensor.ts'

type Shaped = Pick<Tensor, 'data' | 'shape'>

/**
 * Copies a block between two tensors of one type, from `fromAt` to `toAt` along `axis`, and from the start of every other
 * axis. Elements that are contiguous in both are copied at once.
 */
export function copyBlock(
  from: Shaped,
  fromAt: number,
  to: Shaped,
  toAt: number,
  block: readonly number[],
  axis: number,
): void {
  let outer = block.length
  let run = 1
  for (let isWhole = true; isWhole && outer > 0; ) {
    outer--
    const size = block[outer] ?? 1
    run *= size
    isWhole = size === from.shape[outer] && size === to.shape[outer]
  }
  const source = fromAt * strideOf(from.shape, axis)
  const target = toAt * strideOf(to.shape, axis)
  if (outer === 0) copy(from.data, source, run, to.data, target)
  else copyRuns(from, source, to, target, block.slice(0, outer), run)
}

/** Copies one contiguous run for each position along the outer axes, whose sizes are in `block`. */
function copyRuns(
  from: Shaped,
  source: number,
  to: Shaped,
  target: number,
  block: readonly number[],
  run: number,
  axis = 0,
): void {
  if (axis === block.length) {
    copy(from.data, source, run, to.data, target)
    return
  }
  const inSource = strideOf(from.shape, axis)
  const inTarget = strideOf(to.shape, axis)
  for (let index = 0; index < (block[axis] ?? 1); index++)
    copyRuns(from, source + index * inSource, to, target + index * inTarget, block, run, axis + 1)
}

/** A function that copies blocks of one shape out of a tensor, by their start along `axis`. */
export function createCutter(from: Tensor, block: readonly number[], axis: number): (at: number) => Tensor {
  const { type, data, shape } = from
  const size = elementCount(block)
  if (isContiguous(shape, block)) {
    const stride = strideOf(shape, axis)
    return (at) => ({ type, data: data.slice(at * stride, at * stride + size), shape: block })
  }
  return (at) => {
    const cut: Tensor = { type, data: createData(type, size), shape: block }
    copyBlock(from, at, cut, 0, block, axis)
    return cut
  }
}

/** So many of a tensor's rows, from `at` along `axis`: a view of its elements where they are contiguous. */
export function viewRows(from: Tensor, at: number, rows: number, axis: number): Tensor {
  const { type, data, shape } = from
  const block = shape.map((size, on) => (on === axis ? rows : size))
  if (isStrings(data) || !isContiguous(shape, block)) return createCutter(from, block, axis)(at)
  const stride = strideOf(shape, axis)
  return { type, data: data.subarray(at * stride, (at + rows) * stride), shape: block }
}

/** Whether at most one axis is cut, and the axes before it have one position. */
function isContiguous(shape: readonly number[], block: readonly number[]): boolean {
  let axis = block.length - 1
  while (axis > 0 && block[axis] === shape[axis]) axis--
  while (axis > 0) if (block[--axis] !== 1) return false
  return true
}

function strideOf(shape: readonly number[], axis: number): number {
  let stride = 1
  for (let after = shape.length - 1; after > axis; after--) stride *= shape[after] ?? 1
  return stride
}

// Both arrays have the same element type, which the union of array types cannot express.
function copy(source: TensorData, from: number, count: number, target: TensorData, to: number): void {
  if (isStrings(source)) copyStrings(source, from, count, target as string[], to)
  else
    (target as Float32Array).set(
      (count === source.length ? source : source.subarray(from, from + count)) as Float32Array,
      to,
    )
}

function copyStrings(
  source: readonly string[],
  from: number,
  count: number,
  target: string[],
  to: number,
): void {
  for (let index = 0; index < count; index++) target[to + index] = source[from + index] ?? ''
}
