import { SpillwayError, showShape, type Tensor } from '../../../../models/core/index.ts'
import type { EmbeddingSpec } from '../../../../models/core/language.ts'

/**
 * Pools the vectors of a text's tokens into one vector.
 *
 * @param hidden `[1, tokens, size]`, one vector for each token; or `[1, size]` of a graph that pools itself.
 * @throws SpillwayError `model_output_invalid` for other shapes.
 */
export function poolTokens(hidden: Tensor, pooling: EmbeddingSpec['pooling']): Float32Array {
  const { data, shape } = hidden
  const [rows, , size] = shape.length === 2 ? [shape[0], 1, shape[1]] : shape
  if (!(data instanceof Float32Array) || rows !== 1 || !size || shape.length > 3) {
    throw new SpillwayError('model_output_invalid', 'The model did not return an embedding', {
      expected: 'float32 of shape [1, tokens, size] or [1, size]',
      got: `${hidden.type} ${showShape(shape)}`,
    })
  }
  return poolers[pooling](data, size)
}

/**
 * Scales a vector to length one where it has to be, in place.
 * @throws SpillwayError `model_output_invalid` for values that are not finite.
 */
export function normalized(vector: Float32Array, normalize: boolean): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  if (!Number.isFinite(length)) {
    throw new SpillwayError('model_output_invalid', 'The embedding has a value that is not a number', {
      expected: 'finite numbers',
    })
  }
  if (normalize && length > 0)
    for (let index = 0; index < vector.length; index++) vector[index] = (vector[index] ?? 0) / length
  return vector
}

/** The sum of the tokens' vectors, each times its weight, over the divisor. */
function weightedSum(
  data: Float32Array,
  size: number,
  weightOf: (token: number) => number,
  divisor: (tokens: number) => number,
): Float32Array {
  const sum = new Float32Array(size)
  const tokens = data.length / size
  for (let token = 0; token < tokens; token++) {
    const weight = weightOf(token)
    for (let index = 0; index < size; index++)
      sum[index] = (sum[index] ?? 0) + weight * (data[token * size + index] ?? 0)
  }
  const by = divisor(tokens)
  return sum.map((value) => value / by)
}

const one = () => 1

const poolers = {
  cls: (data, size) => data.slice(0, size),
  last: (data, size) => data.slice(data.length - size),
  max: (data, size) => {
    const largest = data.slice(0, size)
    for (let at = size; at < data.length; at++)
      largest[at % size] = Math.max(largest[at % size] ?? 0, data[at] ?? 0)
    return largest
  },
  mean: (data, size) => weightedSum(data, size, one, (tokens) => tokens),
  mean_sqrt_len: (data, size) => weightedSum(data, size, one, Math.sqrt),
  weighted_mean: (data, size) =>
    weightedSum(
      data,
      size,
      (token) => token + 1,
      (tokens) => (tokens * (tokens + 1)) / 2,
    ),
} as const satisfies Record<EmbeddingSpec['pooling'], (data: Float32Array, size: number) => Float32Array>
