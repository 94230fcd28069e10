import { SpillwayError } from '../../../models/core/index.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import { checkSampling } from '../../../models/core/sampling.ts'
import type { GeneratedToken } from '../../protocol/generation.ts'
import { logprobsOf } from './logprobs.ts'
import { allowedValues } from './mask.ts'
import { gumbel, gumbelBound, maxGumbel, noiseAt } from './noise.ts'
import { Penalties } from './penalties.ts'
import { topKThreshold, topPThreshold } from './thresholds.ts'
import type { CreateSampler, Logits, Sampler } from './types.ts'

/**
 * Applies, in this order: bias, penalties, temperature, top-k, top-p, min-p, and a draw by Gumbel noise. Each token has
 * its own noise, so a draw does not depend on which others were filtered, and hardly on a backend's rounding.
 * Where the graph returns its k likeliest tokens only, probabilities are shares of theirs.
 * @throws SpillwayError `input_value_invalid`
 */
export const createSampler: CreateSampler = (sampling, prompt, generated): Sampler => {
  checkSampling(sampling)
  const penalties = new Penalties(sampling, prompt, generated)
  return {
    next(logits, position, allowed): GeneratedToken {
      const likeliest = indexOfLargest(logits.values)
      const all = penalties.apply(logits)
      const { ids, values } = allowed ? allowedValues(all, allowed) : { ids: logits.ids, values: all }
      const first = values === logits.values ? likeliest : indexOfLargest(values)
      const chosen = choose(values, ids, first, sampling, position)
      const token = ids ? (ids[chosen] ?? 0) : chosen
      penalties.add(token)
      if (sampling.logprobs === undefined) return { token }
      const own = logits.ids ? chosen : token
      return { token, ...logprobsOf(own, logits, logits.values[likeliest] ?? 0, sampling.logprobs) }
    },
    recount(gone, come): void {
      for (const token of gone) penalties.remove(token)
      for (const token of come) penalties.add(token)
    },
  }
}

/** The index of the chosen token. @param first The index of the likeliest. */
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
  let threshold = topK === undefined ? Number.NEGATIVE_INFINITY : topKThreshold(values, topK)
  if (topP !== undefined && topP < 1) threshold = topPThreshold(values, largest, temperature, threshold, topP)
  if (minP !== undefined && minP > 0) threshold = Math.max(threshold, largest + temperature * Math.log(minP))

  const noise = noiseAt(seed, position)
  let chosen = first
  let best = gumbel(noise.bits(ids ? (ids[first] ?? 0) : first))
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value < threshold || at === first) continue
    const score = (value - largest) / temperature
    if (score + maxGumbel <= best) continue
    const bits = noise.bits(ids ? (ids[at] ?? 0) : at)
    if (score + gumbelBound(bits) <= best) continue
    const drawn = score + gumbel(bits)
    if (drawn <= best) continue
    best = drawn
    chosen = at
  }
  return chosen
}

/** The index of the largest value; of equal values, the lowest index. @throws SpillwayError `model_output_invalid` */
function indexOfLargest(values: Float32Array): number {
  let index = -1
  let largest = Number.NEGATIVE_INFINITY
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value > largest) {
      largest = value
      index = at
    } else if (Number.isNaN(value)) throw invalidLogits(`NaN at index ${at}`)
  }
  if (index < 0) throw invalidLogits('no finite number')
  if (largest === Number.POSITIVE_INFINITY) throw invalidLogits(`infinity at index ${index}`)
  return index
}

export const invalidLogits = (got: string) =>
  new SpillwayError(
    'model_output_invalid',
    'No token can be chosen from the logits that the model returned',
    {
      expected: 'finite numbers',
      got,
      hint: 'The variant may overflow on this backend: try another variant or backend.',
    },
  )
