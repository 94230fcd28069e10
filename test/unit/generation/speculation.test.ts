import { describe, expect, test } from 'vitest'
import { nextChunk } from '../../../workers/lane/decode/next-chunk.ts'
import { PromptLookup } from '../../../workers/lane/decode/prompt-lookup.ts'
import { Speculation } from '../../../workers/lane/decode/speculation.ts'
import { StepCosts } from '../../../workers/lane/decode/step-costs.ts'

describe('a prompt lookup', () => {
  test('proposes what followed the last tokens, when they came last', () => {
    const tokens = [1, 2, 3, 4, 5, 1, 2, 3, 6, 7, 8, 1, 2]
    const lookup = new PromptLookup(tokens)
    expect(lookup.propose(4)).toEqual([])
    tokens.push(3)
    expect(lookup.propose(4)).toEqual([6, 7, 8, 1])
    expect(lookup.propose(1)).toEqual([6])
    tokens.push(9)
    expect(lookup.propose(4)).toEqual([])
  })

  test('goes on with what repeats itself', () => {
    expect(new PromptLookup([9, 5, 6, 5, 6, 5]).propose(5)).toEqual([6, 5, 6, 5, 6])
    expect(new PromptLookup([7, 7, 7, 7]).propose(3)).toEqual([7, 7, 7])
  })

  test('has nothing to say of few tokens', () => {
    for (const tokens of [[], [1], [1, 1], [1, 1, 1]]) expect(new PromptLookup(tokens).propose(4)).toEqual([])
  })
})

const alone = (tokens: number) => ({ rows: 1, tokens, read: 0 })

/** Costs of runs, seen often enough to be known. @param share What a further token costs of a step. */
function costsOf(share: number): StepCosts {
  const costs = new StepCosts({ slots: 8, maxSlots: 8 })
  for (const tokens of [1, 2, 3, 5, 9])
    for (let time = 0; time < 20; time++) costs.add(alone(tokens), 10 * (1 + share * (tokens - 1)))
  return costs
}

const repeating = Array.from({ length: 40 }, (_, index) => index % 10)

describe('speculation', () => {
  test('proposes more the more of its predictions came true, and nothing where they do not', () => {
    const tokens = [...repeating]
    const speculation = new Speculation(tokens, costsOf(0.12))
    const come = (token: number) => {
      tokens.push(token)
      speculation.accept(token)
    }
    const counts: number[] = []
    for (let at = 0; at < 30; at++) {
      counts.push(speculation.propose(20).length)
      come(tokens.length % 10)
    }
    expect(counts[0]).toBe(1)
    expect(counts.at(-1)).toBe(8)
    expect(counts).toEqual([...counts].sort((one, other) => one - other))
    // Every repetition is now followed by something else.
    for (let at = 0; at < 30; at++) for (const token of [3, 4, 5, 100 + at]) come(token)
    come(3)
    come(4)
    come(5)
    expect(speculation.propose(20)).toEqual([])
  })

  test('proposes nothing while runs of several tokens cost what they give', () => {
    const tokens = [...repeating]
    const speculation = new Speculation(tokens, costsOf(1.2))
    for (let at = 0; at < 30; at++) {
      expect(speculation.propose(20)).toEqual([])
      tokens.push(tokens.length % 10)
      speculation.accept(tokens.at(-1) ?? 0)
    }
  })

  test('keeps within the room there is', () => {
    const tokens = [...repeating]
    const speculation = new Speculation(tokens, costsOf(0))
    for (let at = 0; at < 30; at++) {
      tokens.push(tokens.length % 10)
      speculation.accept(tokens.at(-1) ?? 0)
    }
    expect([9, 7, 3, 1, 0, -5].map((most) => speculation.propose(most).length)).toEqual([8, 4, 2, 1, 0, 0])
  })
})

describe('costs of steps', () => {
  const proposedOf = (costs: StepCosts) => {
    const speculation = new Speculation(repeating, costs)
    for (let at = 0; at < 30; at++) speculation.accept(repeating[at % 10] ?? 0)
    return speculation.propose(20).length
  }

  test('are not those of a pause, and what was too dear is tried again some day', () => {
    const costs = costsOf(0.1)
    const before = costs.factor(9)
    costs.add(alone(9), 60_000)
    expect(costs.factor(9)).toBeLessThan(1.5 * before)
    const dear = costsOf(0.1)
    for (let time = 0; time < 40; time++) dear.add(alone(9), 60_000)
    expect(dear.factor(9)).toBeGreaterThan(9)
    for (let time = 0; time < 30_000; time++) dear.add(alone(1), 10)
    expect(dear.factor(9)).toBeLessThan(2.5)
    expect(proposedOf(costs)).toBe(proposedOf(costsOf(0.1)))
  })

  test('are not those of a step after one that read a prompt', () => {
    const costs = costsOf(0.1)
    const before = costs.factor(3)
    costs.add({ rows: 0, tokens: 1, read: 256 }, 5)
    costs.add(alone(3), 20)
    expect(costs.factor(3)).toBe(before)
    costs.add(alone(3), 20)
    expect(costs.factor(3)).toBeGreaterThan(before)
  })
})

describe('chunks of a prompt', () => {
  /** The size after many chunks beside four texts, whose steps take 20 ms. @param ms What a chunk adds, by its tokens. */
  const sizeWhere = (ms: (tokens: number) => number) => {
    const costs = new StepCosts({ slots: 8, maxSlots: 8 })
    for (let time = 0; time < 5; time++) costs.add({ rows: 4, tokens: 1, read: 0 }, 20)
    for (let time = 0; time < 100; time++) {
      const { chunk } = costs
      costs.add({ rows: 4, tokens: 1, read: chunk }, 20 + ms(chunk))
    }
    return costs.chunk
  }

  test('take three quarters of a step of the others at most, by halves and doubles', () => {
    expect(new StepCosts({ slots: 8, maxSlots: 8 }).chunk).toBe(32)
    expect(sizeWhere((tokens) => 0.1 * tokens)).toBe(128)
    expect(sizeWhere((tokens) => 0.4 * tokens)).toBe(32)
    expect(sizeWhere((tokens) => 0.7 * tokens)).toBe(16)
    expect(sizeWhere((tokens) => 10 * tokens)).toBe(8)
    expect(sizeWhere(() => 0)).toBe(256)
  })

  test('stay as they are where fewer tokens take as long', () => {
    expect(sizeWhere((tokens) => 20 + 0.01 * tokens)).toBe(32)
    expect(sizeWhere((tokens) => 20 + 0.7 * tokens)).toBe(16)
  })

  test('are of any size where nobody waits, and leave the last to a step of all or to a run with logits', () => {
    const alone = { fitting: Number.POSITIVE_INFINITY, selected: 0, isKnown: true }
    expect(nextChunk(1_000, alone)).toEqual({ tokens: 256, isLast: false })
    expect(nextChunk(200, alone)).toEqual({ tokens: 199, isLast: false })
    // What the graph returns shows in a run of two.
    expect(nextChunk(200, { ...alone, isKnown: false })).toEqual({ tokens: 198, isLast: false })
    expect(nextChunk(2, { ...alone, isKnown: false })).toEqual({ tokens: 2, isLast: true })
    expect(nextChunk(200, { ...alone, selected: 64 })).toEqual({ tokens: 200, isLast: true })
    expect(nextChunk(12, { ...alone, fitting: 8 })).toEqual({ tokens: 8, isLast: false })
    expect(nextChunk(16, alone)).toEqual({ tokens: 16, isLast: true })
    expect(nextChunk(2, { ...alone, fitting: 8 })).toEqual({ tokens: 2, isLast: true })
  })
})
