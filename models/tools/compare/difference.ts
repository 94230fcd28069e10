import { SpillwayError } from '../../core/error.ts'
import { isStrings, showShape, type Tensor } from '../../core/tensor.ts'
import { elementErrors } from '../run-model/element-errors.ts'
import { toFloats } from '../run-model/runtime.ts'

/** The difference of two models in one output, over all samples. */
export interface Difference {
  readonly output: string
  readonly largest: number
  readonly mean: number
  readonly cosine: number
  /** Rows in which both models have their largest element at the same place, or equal strings; null for outputs of one number. */
  readonly top: { readonly same: number; readonly of: number } | null
}

/** Accumulates differences sample by sample; no outputs are kept. */
export function createDifference(output: string) {
  const sums = { largest: 0, absolute: 0, count: 0, dot: 0, a: 0, b: 0, same: 0, rows: 0 }

  const add = (one: Tensor, other: Tensor): void => {
    if (showShape(one.shape) !== showShape(other.shape)) {
      throw new SpillwayError('not_supported', `The two models give "${output}" in different shapes`, {
        expected: showShape(one.shape),
        got: showShape(other.shape),
      })
    }
    const errorAt = elementErrors(one, other)
    if (isStrings(one.data)) addStrings(one.data.length, errorAt)
    else addNumbers(toFloats(one), toFloats(other), one.shape.at(-1) ?? 1, errorAt)
  }

  const addNumbers = (
    a: ArrayLike<number>,
    b: ArrayLike<number>,
    width: number,
    errorAt: (index: number) => number,
  ): void => {
    for (let index = 0; index < a.length; index++) {
      const [left, right] = [a[index] ?? 0, b[index] ?? 0]
      addError(errorAt(index))
      if (!Number.isFinite(left) || !Number.isFinite(right)) continue
      sums.dot += left * right
      sums.a += left * left
      sums.b += right * right
    }
    countTop(a, b, width)
  }

  /** Each string is an answer. The cosine is the share of equal ones. */
  const addStrings = (count: number, errorAt: (index: number) => number): void => {
    for (let index = 0; index < count; index++) {
      const error = errorAt(index)
      addError(error)
      sums.dot += 1 - error
      sums.a++
      sums.b++
      sums.rows++
      sums.same += 1 - error
    }
  }

  const addError = (error: number): void => {
    sums.largest = Math.max(sums.largest, error)
    sums.absolute += error
    sums.count++
  }

  const countTop = (a: ArrayLike<number>, b: ArrayLike<number>, width: number): void => {
    if (width < 2) return
    for (let start = 0; start < a.length; start += width) {
      sums.rows++
      if (topOf(a, start, width) === topOf(b, start, width)) sums.same++
    }
  }

  const result = (): Difference => ({
    output,
    largest: sums.largest,
    mean: sums.count === 0 ? 0 : sums.absolute / sums.count,
    cosine: sums.a === 0 && sums.b === 0 ? 1 : sums.dot / (Math.sqrt(sums.a * sums.b) || 1),
    top: sums.rows === 0 ? null : { same: sums.same, of: sums.rows },
  })

  return { add, result }
}

function topOf(values: ArrayLike<number>, start: number, width: number): number {
  let top = 0
  for (let at = 1; at < width; at++) if ((values[start + at] ?? 0) > (values[start + top] ?? 0)) top = at
  return top
}
