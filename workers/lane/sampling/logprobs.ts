import type { GeneratedToken, TokenLogprob } from '../../protocol/generation.ts'
import type { Logits } from './types.ts'

/**
 * The log probabilities of the chosen token and of the `count` likeliest, before penalties and filters.
 * @param chosen The chosen token's index in `values`.
 * @param largest The largest of `values`.
 */
export function logprobsOf(
  chosen: number,
  logits: Logits,
  largest: number,
  count: number,
): Omit<GeneratedToken, 'token'> {
  const { values, ids } = logits
  const sum = logits.logSumExp ?? logSumExp(values, largest)
  const tokenAt = (at: number) => (ids ? (ids[at] ?? 0) : at)
  return {
    logprob: (values[chosen] ?? 0) - sum,
    top: likeliest(values, count).map(
      (at): TokenLogprob => ({ token: tokenAt(at), logprob: (values[at] ?? 0) - sum }),
    ),
  }
}

function logSumExp(values: Float32Array, largest: number): number {
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += Math.exp((values[at] ?? 0) - largest)
  return largest + Math.log(sum)
}

/** Indexes of the largest values, largest first; of equal values, the lower index first. */
function likeliest(values: Float32Array, count: number): number[] {
  const indexes: number[] = []
  let least = Number.NEGATIVE_INFINITY
  for (let at = 0; at < values.length && count > 0; at++) {
    const value = values[at] ?? 0
    if (indexes.length === count && value <= least) continue
    let rank = indexes.length
    while (rank > 0 && (values[indexes[rank - 1] ?? 0] ?? 0) < value) rank--
    indexes.splice(rank, 0, at)
    if (indexes.length > count) indexes.pop()
    least = values[indexes[indexes.length - 1] ?? 0] ?? 0
  }
  return indexes
}
