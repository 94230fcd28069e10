import { SpillwayError } from '../../../models/core/index.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import { checkSampling } from '../../../models/core/sampling.ts'
import type { GeneratedToken } from '../../protocol/generation.ts'
import { logprobsOf } from './logprobs.ts'
import { gumbel, gumbelBound, mostGumbel, noiseAt } from './noise.ts'
import { Penalties } from './penalties.ts'
import { topKThreshold, topPThreshold } from './thresholds.ts'
import type { CreateSampler, Logits, Sampler } from './types.ts'

/**
 * In this order: bias, penalties, temperature, top-k, top-p, min-p, and a draw by Gumbel noise. Each token has noise
 * of its own, so a draw does not depend on what was filtered beside it, and hardly on how a backend rounds.
 * Where the graph gives its k likeliest tokens only, those are all there are: shares are of them.
 * @throws SpillwayError `input_value_invalid`
 */
export const createSampler: CreateSampler = (sampling, prompt, generated): Sampler => {
  checkSampling(sampling)
  const penalties = new Penalties(sampling, prompt, generated)
  return {
    next(logits, position): GeneratedToken {
      const { ids } = logits
      const likeliest = largestOf(logits.values)
      const values = penalties.apply(logits)
      const first = values === logits.values ? likeliest : largestOf(values)
      const chosen = choose(values, ids, first, sampling, position)
      const token = ids ? (ids[chosen] ?? 0) : chosen
      penalties.add(token)
      if (sampling.logprobs === undefined) return { token }
      return { token, ...logprobsOf(chosen, logits, logits.values[likeliest] ?? 0, sampling.logprobs) }
    },
  }
}

/** The place of the chosen token, `first` being that of the likeliest. */
function choose(
  values: Float32Array,
  ids: Logits['ids'],
  first: number,
  sampling: Sampling,
  position: number,
): number {
  const { temperature = 1, topK, topP, minP, seed = 0 } = sampling
  if (temperature === 0) return first
  const largest = values[first] ?? 0
  let cut = topK === undefined ? Number.NEGATIVE_INFINITY : topKThreshold(values, topK)
  if (topP !== undefined && topP < 1) cut = topPThreshold(values, largest, temperature, cut, topP)
  if (minP !== undefined && minP > 0) cut = Math.max(cut, largest + temperature * Math.log(minP))

  const noise = noiseAt(seed, position)
  let chosen = first
  let best = gumbel(noise.bits(ids ? (ids[first] ?? 0) : first))
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value < cut || at === first) continue
    const score = (value - largest) / temperature
    if (score + mostGumbel <= best) continue
    const bits = noise.bits(ids ? (ids[at] ?? 0) : at)
    if (score + gumbelBound(bits) <= best) continue
    const drawn = score + gumbel(bits)
    if (drawn <= best) continue
    best = drawn
    chosen = at
  }
  return chosen
}

/** The place of the largest value, the first of equal ones. */
function largestOf(values: Float32Array): number {
  let place = -1
  let largest = Number.NEGATIVE_INFINITY
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value > largest) {
      largest = value
      place = at
    } else if (Number.isNaN(value)) throw invalid(`NaN at place ${at}`)
  }
  if (place < 0) throw invalid('no finite number')
  if (largest === Number.POSITIVE_INFINITY) throw invalid(`infinity at place ${place}`)
  return place
}

const invalid = (got: string) =>
  new SpillwayError('model_output_invalid', 'The model gave logits that no token can be chosen from', {
    expected: 'finite numbers',
    got,
    hint: 'Its variant may overflow on this backend: another variant or backend may do.',
  })
