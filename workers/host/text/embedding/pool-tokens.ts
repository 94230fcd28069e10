import { SpillwayError, showShape, type Tensor } from '../../../../models/core/index.ts'
import type { EmbeddingSpec } from '../../../../models/core/language.ts'

/**
 * Pools the vectors of a text's tokens into one vector.
 *
 * @param hidden `[1, tokens, size]`, one vector for each token; or `[1, size]` of a graph that pools itself.
 * @throws SpillwayError `model_output_invalid` for other shapes, and for values that are not finite.
 */
export function poolTokens(
  hidden: Tensor,
  { pooling, normalize }: Pick<EmbeddingSpec, 'pooling' | 'normalize'>,
): Float32Array {
  const { data, shape } = hidden
  const [rows, , size] = shape.length === 2 ? [shape[0], 1, shape[1]] : shape
  if (!(data instanceof Float32Array) || rows !== 1 || !size || shape.length > 3) {
    throw new SpillwayError('model_output_invalid', 'The model did not return an embedding', {
      expected: 'float32 of shape [1, tokens, size] or [1, size]',
      got: `${hidden.type} ${showShape(shape)}`,
    })
  }
  const vector = poolers[pooling](data, size)
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  if (!Number.isFinite(length)) {
    throw new SpillwayError('model_output_invalid', 'The embedding has a value that is not a number', {
      expected: 'finite numbers',
    })
  }
  if (normalize && length > 0)
    for (let index = 0; index < size; index++) vector[index] = (vector[index] ?? 0) / length
  return vector
}

const poolers = {
  cls: (data, size) => data.slice(0, size),
  last: (data, size) => data.slice(data.length - size),
  mean: (data, size) => {
    const mean = new Float32Array(size)
    for (let at = 0; at < data.length; at += size)
      for (let index = 0; index < size; index++) mean[index] = (mean[index] ?? 0) + (data[at + index] ?? 0)
    const tokens = data.length / size
    return mean.map((sum) => sum / tokens)
  },
} as const satisfies Record<EmbeddingSpec['pooling'], (data: Float32Array, size: number) => Float32Array>
