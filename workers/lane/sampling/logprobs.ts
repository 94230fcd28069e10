import type { GeneratedToken, TokenLogprob } from '../../protocol/generation.ts'
import type { Logits } from './types.ts'

/** The log probability of what was chosen, and those of the `count` likeliest, of the logits as they came. */
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

/** Places of the largest values, largest first; of equal ones the first place first. */
export function likeliest(values: Float32Array, count: number): number[] {
  const places: number[] = []
  let least = Number.NEGATIVE_INFINITY
  for (let at = 0; at < values.length && count > 0; at++) {
    const value = values[at] ?? 0
    if (places.length === count && value <= least) continue
    let place = places.length
    while (place > 0 && (values[places[place - 1] ?? 0] ?? 0) < value) place--
    places.splice(place, 0, at)
    if (places.length > count) places.pop()
    least = values[places[places.length - 1] ?? 0] ?? 0
  }
  return places
}
