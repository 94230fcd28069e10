import { DataType } from '../onnx/data-type.ts'
import type { Node } from '../onnx/model.ts'

/** Type, shape and small integers of a value, as far as they are known before the model runs. */
export interface KnownValue {
  readonly type: number
  readonly shape: readonly number[] | undefined
  /** Elements of a small integer tensor: other shapes are computed from them. */
  readonly ints?: readonly number[] | undefined
}

export type NodeInputs = readonly (KnownValue | undefined)[]

/** Infers the outputs of a node; an empty list where that is not possible. */
export type InferenceRule = (node: Node, inputs: NodeInputs) => readonly KnownValue[]

export const unknownValue: KnownValue = { type: DataType.UNDEFINED, shape: undefined }

const maxInts = 4096

/** A value out of computed parts; an impossible shape or imprecise integers become undefined. */
export function known(
  type: number,
  shape: readonly number[] | undefined,
  ints?: readonly number[],
): KnownValue {
  const possible = shape?.every((size) => Number.isSafeInteger(size) && size >= 0) && shape.length <= 64
  const plain = ints?.every(Number.isSafeInteger) && ints.length <= maxInts
  return { type, shape: possible ? shape : undefined, ints: plain ? ints : undefined }
}

/** A value with the type of an input and another shape. */
export const like = (input: KnownValue | undefined, shape: readonly number[] | undefined): KnownValue =>
  known(input?.type ?? DataType.UNDEFINED, shape)

export const isIntegers = (type: number): boolean => type === DataType.INT64 || type === DataType.INT32

/** The axis as a non-negative index. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1)

/** Broadcasting as NumPy does it; undefined where a shape is unknown, NaN sizes where shapes do not match. */
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
