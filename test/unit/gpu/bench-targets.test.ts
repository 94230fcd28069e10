import { describe, expect, test } from 'vitest'
import { rowsOf, type StreamRow } from '../../bench/gpu/stream-row.ts'
import { targetsOf } from '../../bench/gpu/targets.ts'
import {
  type Amount,
  type Streams,
  type TokensAt,
  timeStreams,
  type Writer,
} from '../../bench/gpu/time-streams.ts'

const row = (
  variant: string,
  streams: number,
  ours: number | undefined,
  more: Partial<StreamRow> = {},
): StreamRow => ({
  variant,
  streams,
  ours,
  oursSteady: undefined,
  bare: undefined,
  transformers: undefined,
  webLlm: undefined,
  node: undefined,
  ...more,
})

const reached = (rows: readonly StreamRow[]) =>
  targetsOf(rows).map(({ best, reach }) => best && [best.variant, best.ratio, best.ratio >= reach])

describe('The targets of bench:gpu', () => {
  test('take the variant of ours that comes nearest, and the best of the peers', () => {
    const rows = [
      row('q4', 1, 100, { transformers: 20, oursSteady: 90, bare: 100 }),
      row('q4', 32, 2_000, { transformers: 50, oursSteady: 80, bare: 100 }),
      // Its texts waited for each other.
      row('q4', 128, 3_500, { bare: 5_000 }),
      row('q4f16', 1, 200, { transformers: 40, webLlm: 50 }),
      row('q4f16', 32, 1_500, { transformers: 100 }),
      row('q4f16', 128, 5_000),
    ]
    expect(reached(rows)).toEqual([
      ['q4f16', 4, true],
      ['q4', 20, true],
      ['q4', 35, true],
      ['q4', 0.7, false],
    ])
  })

  test('say nothing of what was not measured, and name what is missing', () => {
    const rows = [row('q4', 1, 100, { transformers: 20 }), row('q4', 32, undefined, { transformers: 20 })]
    expect(targetsOf(rows).map(({ best, missing }) => [best, missing])).toEqual([
      [undefined, ['WebLLM']],
      [undefined, ['ours']],
      [undefined, ['ours']],
      [undefined, ['the bare loop']],
    ])
  })

  test('leave out a variant of which the bare loop wrote only some', () => {
    const rows = [
      row('q4', 1, 100, { bare: 100 }),
      row('q4', 8, 100),
      row('q4f16', 1, 90, { bare: 100 }),
      row('q4f16', 8, 80, { bare: 100 }),
    ]
    expect(reached(rows).at(-1)).toEqual(['q4f16', 0.8, false])
  })

  test('find each side by the number of texts', () => {
    const side = (streams: number, tokensPerSecond: number) => ({
      streams,
      tokensPerSecond,
      steadyPerSecond: 2 * tokensPerSecond,
    })
    const sides = { ours: [side(1, 5), side(8, 9)], bare: [side(1, 12), side(8, 20)], webLlm: [] }
    expect(rowsOf('q4', { ...sides, transformers: [side(1, 4)], node: [side(8, 3)] })).toEqual([
      row('q4', 1, 5, { oursSteady: 10, bare: 12, transformers: 4 }),
      row('q4', 8, 9, { oursSteady: 18, bare: 20, node: 3 }),
    ])
    // Ours failed.
    expect(rowsOf('q4', { ...sides, ours: [], transformers: [side(1, 4)], node: [] })).toEqual([
      row('q4', 1, undefined, { bare: 12, transformers: 4 }),
      row('q4', 8, undefined, { bare: 20 }),
    ])
  })
})

describe('Texts at once', () => {
  const amount = { streams: [1, 2], prompt: 3, tokens: 4, rounds: 2 }
  const ratesOf = async (writer: Writer, amount: Amount) => {
    const rates: Streams[] = []
    await timeStreams(writer, 1_000, amount, (rate) => void rates.push(rate))
    return rates
  }

  test('have a prompt and a seed each, and are warmed up by a round', async () => {
    const prompts: string[] = []
    const seeds = new Set<number>()
    const write = async (prompt: readonly number[], _tokens: number, seed: number) => {
      prompts.push(prompt.join())
      seeds.add(seed)
      return []
    }
    const measured = await ratesOf({ write, sharesSteps: true }, amount)
    expect(measured.map(({ streams, steadyPerSecond }) => [streams, steadyPerSecond])).toEqual([
      [1, undefined],
      [2, undefined],
    ])
    expect(prompts.length).toBe(3 * 1 + 3 * 2)
    expect(new Set(prompts).size).toBe(prompts.length)
    expect(seeds.size).toBe(prompts.length)
  })

  test('that share no steps are measured once after the first', async () => {
    let texts = 0
    const write = async () => {
      texts++
      return []
    }
    await ratesOf({ write, sharesSteps: false }, amount)
    expect(texts).toBe(3 * 1 + 1 * 2)
  })

  test('are told of one by one, so that a failure leaves the rates before it', async () => {
    let texts = 0
    const write = async () => {
      if (++texts > 3) throw new Error('The device is lost')
      return []
    }
    const rates: number[] = []
    const timed = timeStreams(
      { write, sharesSteps: true },
      1_000,
      amount,
      ({ streams }) => void rates.push(streams),
    )
    await expect(timed).rejects.toThrow('The device is lost')
    expect(rates).toEqual([1])
  })

  test('are steady from the last beginning to the first end', async () => {
    const texts: TokensAt[][] = [
      [
        { at: 0, tokens: 1 },
        { at: 100, tokens: 1 },
        { at: 600, tokens: 3 },
      ],
      [
        { at: 100, tokens: 1 },
        { at: 350, tokens: 2 },
        { at: 900, tokens: 5 },
      ],
    ]
    let text = 0
    const write = async () => texts[text++ % 2] ?? []
    const [measured] = await ratesOf({ write, sharesSteps: true }, { ...amount, streams: [2] })
    expect(measured?.steadyPerSecond).toBe(10)
  })
})
