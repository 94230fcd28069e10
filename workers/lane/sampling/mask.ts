import { SpillwayError } from '../../../models/core/index.ts'

/** Some tokens, the lowest first, and their values. */
export interface AllowedValues {
  readonly ids: Int32Array
  readonly values: Float32Array
}

/**
 * The values of the tokens that are allowed: few in most states of a grammar.
 *
 * @param allowed One bit a token, the lowest first.
 * @throws SpillwayError `input_value_invalid` where no allowed token has a chance.
 */
export function allowedValues(values: Float32Array, allowed: Int32Array): AllowedValues {
  const ids = new Int32Array(countBits(allowed))
  const left = new Float32Array(ids.length)
  let count = 0
  let isEmpty = true
  for (let word = 0; word < allowed.length; word++) {
    for (let bits = allowed[word] ?? 0; bits !== 0; bits &= bits - 1) {
      const token = (word << 5) + 31 - Math.clz32(bits & -bits)
      if (token >= values.length) break
      const value = values[token] ?? Number.NEGATIVE_INFINITY
      ids[count] = token
      left[count++] = value
      isEmpty &&= value === Number.NEGATIVE_INFINITY
    }
  }
  if (isEmpty) throw noneAllowed()
  return { ids: ids.subarray(0, count), values: left.subarray(0, count) }
}

function countBits(words: Int32Array): number {
  let count = 0
  for (const word of words) {
    // Pairs of bits, then fours, then bytes, then their sum.
    const pairs = word - ((word >>> 1) & 0x55555555)
    const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
    count += Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return count
}

export const noneAllowed = () =>
  new SpillwayError('input_value_invalid', 'Nothing that the format allows here can be chosen', {
    expected: 'a token that neither the format nor the logit bias forbids',
  })
