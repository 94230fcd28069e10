import { describe, expect, test } from 'vitest'
import { rowsOf, type StreamRow } from '../../bench/gpu/stream-row.ts'
import { targetsOf } from '../../bench/gpu/targets.ts'
import { type TokensAt, timeStreams } from '../../bench/gpu/time-streams.ts'

const row = (variant: string, streams: number, ours: number, more: Partial<StreamRow> = {}): StreamRow => ({
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

  test('say nothing of what was not measured', () => {
    expect(reached([row('q4', 1, 100), row('q4', 2, 150)])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
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
  })
})

describe('Texts at once', () => {
  const amount = { streams: [1, 2], prompt: 3, tokens: 4, rounds: 2 }

  test('have a prompt each, and are warmed up by a round', async () => {
    const prompts: string[] = []
    const write = async (prompt: readonly number[]) => {
      prompts.push(prompt.join())
      return []
    }
    const measured = await timeStreams({ write, isSequential: false }, 1_000, amount)
    expect(measured.map(({ streams, steadyPerSecond }) => [streams, steadyPerSecond])).toEqual([
      [1, undefined],
      [2, undefined],
    ])
    expect(prompts.length).toBe(3 * 1 + 3 * 2)
    expect(new Set(prompts).size).toBe(prompts.length)
  })

  test('that are written one after the other are measured once after the first', async () => {
    let texts = 0
    const write = async () => {
      texts++
      return []
    }
    await timeStreams({ write, isSequential: true }, 1_000, amount)
    expect(texts).toBe(3 * 1 + 1 * 2)
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
    const [measured] = await timeStreams({ write, isSequential: false }, 1_000, { ...amount, streams: [2] })
    expect(measured?.steadyPerSecond).toBe(10)
  })
})
