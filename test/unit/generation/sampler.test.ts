import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import { gumbel, gumbelBound, noiseAt } from '../../../workers/lane/sampling/noise.ts'
import { createSampler } from '../../../workers/lane/sampling/sampler.ts'
import { topKThreshold, topPThreshold } from '../../../workers/lane/sampling/thresholds.ts'
import type { GeneratedToken } from '../../../workers/protocol/generation.ts'

const sample = (values: readonly number[], sampling: Sampling, position = 0) =>
  createSampler(sampling, [0], 0).next({ values: Float32Array.from(values) }, position).token

const logits = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 200 })
const settings = fc.record(
  {
    temperature: fc.double({ min: 0, max: 3, noNaN: true }),
    topK: fc.integer({ min: 1, max: 250 }),
    topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
    minP: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.maxSafeInteger(),
  },
  { requiredKeys: ['seed'] },
)

/** The tokens that pass the filters, by sorting all of them: slow and simple. */
function filtered(values: readonly number[], { temperature = 1, topK, topP, minP }: Sampling): Set<number> {
  const order = values.map((_, token) => token).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0))
  const value = (token: number | undefined) => values[token ?? 0] ?? 0
  let kept =
    topK === undefined
      ? order
      : order.filter((token) => value(token) >= value(order[topK - 1] ?? order.at(-1)))
  const weight = (token: number) => Math.exp((value(token) - value(order[0])) / temperature)
  if (topP !== undefined && topP < 1) {
    const aim = topP * kept.reduce((sum, token) => sum + weight(token), 0)
    let sum = 0
    let least = value(kept[0])
    for (const token of kept) {
      if (sum >= aim * (1 + 1e-9)) break
      sum += weight(token)
      least = value(token)
    }
    kept = kept.filter((token) => value(token) >= least)
  }
  if (minP !== undefined) kept = kept.filter((token) => weight(token) >= minP * (1 - 1e-9))
  return new Set(kept)
}

describe('the chosen token', () => {
  test('passes the filters, and does not depend on earlier draws', () => {
    fc.assert(
      fc.property(logits, settings, fc.nat(10_000), (values, sampling, position) => {
        const floats = [...Float32Array.from(values)]
        const token = sample(floats, sampling, position)
        if (sampling.temperature !== 0) expect(filtered(floats, sampling)).toContain(token)
        expect(sample(floats, sampling, position)).toBe(token)
      }),
      { numRuns: 2000 },
    )
  })

  test('is the likeliest at temperature 0, and the first of equal ones', () => {
    expect(sample([1, 3, 3, 2], { temperature: 0 })).toBe(1)
  })

  test('is the same from all logits as from the k likeliest that a graph selects, whatever their order', () => {
    fc.assert(
      fc.property(logits, settings, (values, sampling) => {
        const floats = Float32Array.from(values)
        const topK = sampling.topK ?? 40
        const threshold = topKThreshold(floats, topK)
        const ids = [...floats.keys()].filter((token) => (floats[token] ?? 0) >= threshold).reverse()
        const selected = Float32Array.from(ids, (id) => floats[id] ?? 0)
        // Exactly k: ties at the threshold stay together here, but not in a graph.
        fc.pre(ids.length === Math.min(topK, floats.length) && new Set(selected).size === selected.length)
        const sampler = createSampler({ ...sampling, topK }, [0], 0)
        expect(sampler.next({ values: selected, ids: Int32Array.from(ids) }, 7).token).toBe(
          sampler.next({ values: floats }, 7).token,
        )
      }),
    )
  })

  test.each([
    { name: 'as the logits say', temperature: 1, expected: [0.5, 0.3, 0.15, 0.05] },
    { name: 'colder', temperature: 0.5, expected: [0.6849, 0.2466, 0.0616, 0.0068] },
  ])('is drawn with its probability: $name', ({ temperature, expected }) => {
    const values = [0.5, 0.3, 0.15, 0.05].map(Math.log)
    const counts = [0, 0, 0, 0]
    const draws = 20_000
    for (let position = 0; position < draws; position++) {
      const token = sample(values, { temperature, seed: 7 }, position)
      counts[token] = (counts[token] ?? 0) + 1
    }
    const chiSquare = expected.reduce((sum, share, token) => {
      const aim = share * draws
      return sum + ((counts[token] ?? 0) - aim) ** 2 / aim
    }, 0)
    // Three degrees of freedom: a fair draw exceeds it once in a thousand times. The seed is fixed.
    expect(chiSquare).toBeLessThan(16.27)
  })
})

describe('noise', () => {
  test('differs with seed, position and token, in every bit', () => {
    const ones = new Array<number>(32).fill(0)
    const count = 4096
    for (let at = 0; at < count; at++) {
      const [seed, position, token] = [at & 15, (at >> 4) & 15, at >> 8]
      const bits = noiseAt(seed, position).bits(token)
      for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] ?? 0) + ((bits >>> bit) & 1)
    }
    for (const many of ones) expect(Math.abs(many - count / 2)).toBeLessThan(5 * Math.sqrt(count / 4))
    const seeds = [0, 1, -1, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
    expect(new Set(seeds.map((seed) => noiseAt(seed, 3).bits(5))).size).toBe(seeds.length)
  })

  test('stays under the bound by which most tokens are skipped', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), (bits) => {
        expect(gumbel(bits)).toBeLessThanOrEqual(gumbelBound(bits))
      }),
      { examples: [[0], [2 ** 32 - 1], [2 ** 32 - 2], [2 ** 31]], numRuns: 5000 },
    )
  })
})

test('thresholds are those that sorting would give', () => {
  fc.assert(
    fc.property(logits, fc.integer({ min: 1, max: 300 }), (values, k) => {
      const floats = Float32Array.from(values)
      const sorted = floats.toSorted().reverse()
      expect(topKThreshold(floats, k)).toBe(k >= floats.length ? Number.NEGATIVE_INFINITY : sorted[k - 1])
    }),
    { numRuns: 1000 },
  )
  const flat = new Float32Array(10_000)
  expect(topPThreshold(flat, 0, 1, Number.NEGATIVE_INFINITY, 0.5)).toBe(0)
})

describe('penalties', () => {
  const greedy = { temperature: 0 }
  test('repetition: counts prompt and text, and makes a token less likely on both sides of zero', () => {
    const values = Float32Array.from([2, 1.5, -1])
    const next = (prompt: number[], sampling: Sampling) =>
      createSampler({ ...greedy, ...sampling }, prompt, 0).next({ values }, 0).token
    expect(next([0], { repetitionPenalty: 1 })).toBe(0)
    expect(next([0], { repetitionPenalty: 2 })).toBe(1)
    expect(next([0, 1], { repetitionPenalty: 1.5 })).toBe(0)
  })

  test('presence and frequency: count generated tokens, also those from before a move', () => {
    const values = Float32Array.from([2, 1.5, 0])
    const chosen = (sampling: Sampling, prompt: number[], generated: number) => {
      const sampler = createSampler({ ...greedy, ...sampling }, prompt, generated)
      return [0, 1, 2].map((position) => sampler.next({ values }, position).token)
    }
    expect(chosen({ presencePenalty: 1 }, [0, 0], 0)).toEqual([0, 1, 0])
    expect(chosen({ frequencyPenalty: 1 }, [1, 0], 1)).toEqual([1, 0, 1])
    // A sequence that moved continues as it would have.
    expect(chosen({ frequencyPenalty: 0.4 }, [2, 0, 1], 2)[0]).toBe(
      createSampler({ ...greedy, frequencyPenalty: 0.4 }, [2, 0, 1], 2).next({ values }, 2).token,
    )
  })

  test('bias: adds, forbids, and ignores tokens outside the vocabulary', () => {
    const next = (logitBias: Record<number, number>) => sample([2, 1, 0], { ...greedy, logitBias })
    expect(next({ 2: 3 })).toBe(2)
    expect(next({ 0: Number.NEGATIVE_INFINITY })).toBe(1)
    expect(next({ 99: 100 })).toBe(0)
  })

  test('do not change the given logits', () => {
    const values = Float32Array.from([2, 1])
    createSampler({ ...greedy, logitBias: { 1: 5 } }, [0], 0).next({ values }, 0)
    expect([...values]).toEqual([2, 1])
  })
})

test('log probabilities are those before penalties and bias', () => {
  const values = Float32Array.from([0.5, 0.3, 0.15, 0.05].map(Math.log))
  const sampling = { temperature: 0, logprobs: 2, logitBias: { 3: 10 } }
  const { token, logprob, top } = createSampler(sampling, [0], 0).next({ values }, 0)
  expect(token).toBe(3)
  expect(logprob).toBeCloseTo(Math.log(0.05))
  expect(top?.map(({ token }) => token)).toEqual([0, 1])
  expect(top?.[0]?.logprob).toBeCloseTo(Math.log(0.5))

  const graph = { values: values.subarray(1, 3), ids: Int32Array.of(1, 2), logSumExp: 0 }
  const chosen: GeneratedToken = createSampler({ temperature: 0, logprobs: 0 }, [0], 0).next(graph, 0)
  expect(chosen).toMatchObject({ token: 1, top: [] })
  expect(chosen.logprob).toBeCloseTo(Math.log(0.3))
})

describe('bad input', () => {
  test.each([[[0, Number.NaN]], [[Number.NEGATIVE_INFINITY]], [[Number.POSITIVE_INFINITY, 1]], [[]]])(
    'logits %j are refused',
    (values) => {
      expect(() => sample(values, {})).toThrow(expect.objectContaining({ code: 'model_output_invalid' }))
    },
  )

  test.each([
    { temperature: -1 },
    { temperature: Number.NaN },
    { topK: 0 },
    { topK: 1.5 },
    { topP: 0 },
    { minP: 2 },
    { repetitionPenalty: 0 },
    { presencePenalty: Number.POSITIVE_INFINITY },
    { seed: 0.5 },
    { logprobs: -1 },
    { logitBias: { 3: Number.NaN } },
  ] satisfies Sampling[])('%j is refused by name', (sampling) => {
    const name = Object.keys(sampling)[0] ?? ''
    expect(() => createSampler(sampling, [0], 0)).toThrow(SpillwayError)
    expect(() => createSampler(sampling, [0], 0)).toThrow(name)
  })
})
