import { SpillwayError } from '../../../models/core/index.ts'

/**
 * The values, with minus infinity in place of tokens that are not allowed.
 *
 * @param allowed One bit a token, the lowest first.
 * @throws SpillwayError `input_value_invalid` where no allowed token has a chance.
 */
export function masked(values: Float32Array, allowed: Int32Array): Float32Array {
  const left = new Float32Array(values.length).fill(Number.NEGATIVE_INFINITY)
  let isEmpty = true
  for (let word = 0; word < allowed.length; word++) {
    // Most words are empty in most states of a grammar.
    for (let bits = allowed[word] ?? 0; bits !== 0; bits &= bits - 1) {
      const token = (word << 5) + 31 - Math.clz32(bits & -bits)
      if (token >= left.length) break
      const value = values[token] ?? Number.NEGATIVE_INFINITY
      left[token] = value
      isEmpty &&= value === Number.NEGATIVE_INFINITY
    }
  }
  if (!isEmpty) return left
  throw noneAllowed()
}

export const noneAllowed = () =>
  new SpillwayError('input_value_invalid', 'Nothing that the format allows here can be chosen', {
    expected: 'a token that neither the format nor the logit bias forbids',
  })
