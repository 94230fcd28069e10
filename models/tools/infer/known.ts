import { DataType } from '../onnx/data-type.ts'
import type { Node } from '../onnx/model.ts'

/** What is known of a value before the model runs: for given input shapes, every size is a number or unknown. */
export interface KnownValue {
  readonly type: number
  readonly shape: readonly number[] | undefined
  /** The elements of a small tensor of integers: shapes are computed from them. */
  readonly ints?: readonly number[] | undefined
}

export type Inputs = readonly (KnownValue | undefined)[]

/** What a node gives, by its outputs; nothing where that cannot be told. */
export type Rule = (node: Node, inputs: Inputs) => readonly KnownValue[]

export const unknown: KnownValue = { type: DataType.UNDEFINED, shape: undefined }

const maxInts = 4096

/** A shape that came out of arithmetic on what a file says: kept only where it is one. */
export function known(
  type: number,
  shape: readonly number[] | undefined,
  ints?: readonly number[],
): KnownValue {
  const possible = shape?.every((size) => Number.isSafeInteger(size) && size >= 0) && shape.length <= 64
  const plain = ints?.every(Number.isSafeInteger) && ints.length <= maxInts
  return { type, shape: possible ? shape : undefined, ints: plain ? ints : undefined }
}

/** Like the input at `index`, in another shape. */
export const like = (input: KnownValue | undefined, shape: readonly number[] | undefined): KnownValue =>
  known(input?.type ?? DataType.UNDEFINED, shape)

export const isIntegers = (type: number): boolean => type === DataType.INT64 || type === DataType.INT32

/** An axis counted from the front. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1)

/** NumPy's rule; unknown where shapes do not fit. */
export function broadcast(shapes: readonly (readonly number[] | undefined)[]): readonly number[] | undefined {
  if (shapes.some((shape) => shape === undefined)) return undefined
  const all = shapes.map((shape) => shape ?? [])
  const rank = Math.max(0, ...all.map(({ length }) => length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = all.map((shape) => shape[axis - rank + shape.length] ?? 1)
    const size = sizes.find((one) => one !== 1) ?? 1
    return sizes.every((one) => one === 1 || one === size) ? size : Number.NaN
  })
}
