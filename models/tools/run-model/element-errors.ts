import { isStrings, type Tensor } from '../../core/tensor.ts'
import { toFloats } from './runtime.ts'

/**
 * The absolute difference of two tensors' elements, by index. Integers of 64 bits are exact. Strings differ by 1 or not
 * at all. Equal infinities are equal (attention masks contain them), as are two NaN; one NaN differs by infinity.
 */
export function elementErrors(one: Tensor, other: Tensor): (index: number) => number {
  const [left, right] = [one.data, other.data]
  if (isStrings(left) || isStrings(right)) return (index) => (left[index] === right[index] ? 0 : 1)
  const isExact = left instanceof BigInt64Array || left instanceof BigUint64Array
  if (isExact && (right instanceof BigInt64Array || right instanceof BigUint64Array)) {
    return (index) => Math.abs(Number((left[index] ?? 0n) - (right[index] ?? 0n)))
  }
  const [a, b] = [toFloats(one), toFloats(other)]
  return (index) => {
    const [first, second] = [a[index] ?? 0, b[index] ?? 0]
    if (first === second || (Number.isNaN(first) && Number.isNaN(second))) return 0
    const error = Math.abs(first - second)
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
  }
}
