/** Softmax. The largest logit is subtracted first, so that no exponential overflows. */
export function probabilities(logits: Iterable<number | bigint>): number[] {
  const values = Array.from(logits, Number)
  const largest = Math.max(...values)
  const weights = values.map((value) => Math.exp(value - largest))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

export const largestIndex = (values: readonly number[]): number => values.indexOf(Math.max(...values))
