import { expect, test } from 'vitest'
import type { Kv } from '../../workers/lane/kv/kv.ts'
import type { Logits } from '../../workers/lane/sampling/types.ts'

export interface KvSubject {
  /** Two slots of 64 tokens. */
  open(): Promise<Kv>
  /** Whether a slot can be truncated to some of its tokens, or only emptied. */
  readonly canTruncate: boolean
  /** Tokens of a text, and the logits after each. */
  readonly tokens: readonly number[]
  readonly logits: readonly (readonly number[])[]
  /** How far logits may be off. */
  readonly tolerance?: number
}

/** What every kind of `Kv` does with a real model. */
export function kvContract({ open, canTruncate, tokens, logits, tolerance = 1e-3 }: KvSubject): void {
  const expectAt = (got: Logits | undefined, position: number) => {
    const expected = logits[position] ?? []
    const difference = Math.max(
      ...expected.map((value, token) => Math.abs(value - (got?.values[token] ?? Number.NaN))),
    )
    expect(difference, `after token ${position}`).toBeLessThan(tolerance)
  }
  const feed = async (kv: Kv, slot: number, from: number, until: number) => {
    for (let at = from; at < until; at++)
      expectAt((await kv.decode([{ slot, token: tokens[at] ?? 0 }], 'all'))[0], at)
  }
  const using = (name: string, use: (kv: Kv) => Promise<void>) =>
    test(name, async () => {
      const kv = await open()
      try {
        await use(kv)
      } finally {
        kv.dispose()
      }
    })

  using('gives the same logits for a prompt read at once, in chunks, or token by token', async (kv) => {
    expectAt(await kv.prefill(0, tokens.slice(0, 8), 'all'), 7)
    await kv.prefill(1, tokens.slice(0, 5))
    expectAt(await kv.prefill(1, tokens.slice(5, 8), 'all'), 7)
    expect([kv.length(0), kv.length(1)]).toEqual([8, 8])
    kv.truncate(0, 0)
    await feed(kv, 0, 0, 4)
    await feed(kv, 1, 8, 12)
  })

  using('gives rows of different lengths their own logits, in the order of the rows', async (kv) => {
    await kv.prefill(0, tokens.slice(0, 3))
    await kv.prefill(1, tokens.slice(0, 9))
    for (let step = 0; step < 4; step++) {
      const rows = [
        { slot: 1, token: tokens[9 + step] ?? 0 },
        { slot: 0, token: tokens[3 + step] ?? 0 },
      ]
      const [first, second] = await kv.decode(rows, 'all')
      expectAt(first, 9 + step)
      expectAt(second, 3 + step)
    }
    // A row that was not in a run keeps its tokens.
    await feed(kv, 1, 13, 15)
    await feed(kv, 0, 7, 9)
  })

  using('gives the rows of any slots their logits, whatever the others hold', async (kv) => {
    kv.resize({ slots: 4, capacity: 64 }, [])
    const fed = [5, 3, 7, 2]
    for (const [slot, count] of fed.entries()) await kv.prefill(slot, tokens.slice(0, count))
    for (const slots of [[3], [1, 3], [0, 2, 3], [2, 0], [1], [3, 2, 1, 0]]) {
      const rows = slots.map((slot) => ({ slot, token: tokens[fed[slot] ?? 0] ?? 0 }))
      const got = await kv.decode(rows, 'all')
      for (const [row, slot] of slots.entries()) {
        expectAt(got[row], fed[slot] ?? 0)
        fed[slot] = (fed[slot] ?? 0) + 1
      }
    }
    expect(fed.map((_, slot) => kv.length(slot))).toEqual(fed)
    // A prompt is read while others decode, and a slot is used again.
    kv.truncate(2, 0)
    await kv.prefill(2, tokens.slice(0, 4))
    expectAt((await kv.decode([{ slot: 3, token: tokens[fed[3] ?? 0] ?? 0 }], 'all'))[0], fed[3] ?? 0)
    expectAt(await kv.prefill(2, tokens.slice(4, 6), 'all'), 5)
    await feed(kv, 2, 6, 8)
  })

  using('continues from the tokens that are left after truncation', async (kv) => {
    await kv.prefill(1, tokens.slice(0, 10))
    const left = kv.truncate(1, 6)
    expect(left).toBe(canTruncate ? 6 : 0)
    await feed(kv, 1, left, 9)
  })

  using('gives the logits after each token of a run, once one has shown that it can', async (kv) => {
    await kv.prefill(1, tokens.slice(0, 5), 'all')
    expect(kv.returnsEach).toBe(canTruncate)
    if (!canTruncate) return
    for (const [row, logits] of (await kv.prefillEach(1, tokens.slice(5, 9))).entries())
      expectAt(logits, 5 + row)
    expect(kv.length(1)).toBe(9)
    // What was wrong is forgotten.
    kv.truncate(1, 7)
    await feed(kv, 1, 7, 10)
    for (const [row, logits] of (await kv.prefillEach(1, tokens.slice(10, 12))).entries())
      expectAt(logits, 10 + row)
  })

  using('copies the beginning of a slot to another, whatever either holds and goes on with', async (kv) => {
    kv.resize({ slots: 3, capacity: 64 }, [])
    await kv.prefill(0, tokens.slice(0, 9))
    await kv.prefill(2, tokens.slice(3, 5))
    // Two that were in one run.
    await kv.decode(
      [
        { slot: 2, token: tokens[0] ?? 0 },
        { slot: 0, token: tokens[9] ?? 0 },
      ],
      'all',
    )
    const copied = kv.copyPrefix(0, 2, 6)
    expect(copied).toBe(canTruncate ? 6 : 3)
    expect([kv.length(0), kv.length(2)]).toEqual([10, copied])
    if (!canTruncate) return
    await feed(kv, 2, 6, 8)
    await feed(kv, 0, 10, 12)
    const [first, second] = await kv.decode(
      [
        { slot: 0, token: tokens[12] ?? 0 },
        { slot: 2, token: tokens[8] ?? 0 },
      ],
      'all',
    )
    expectAt(first, 12)
    expectAt(second, 8)
    expect(kv.copyPrefix(2, 1, 9)).toBe(9)
    expectAt(await kv.prefill(1, tokens.slice(9, 12), 'all'), 11)
  })

  using('keeps the tokens of the given slots when its shape changes', async (kv) => {
    await kv.prefill(0, tokens.slice(0, 4))
    await kv.prefill(1, tokens.slice(0, 7))
    kv.resize({ slots: 3, capacity: 128 }, [1, undefined, 0])
    expect(kv.shape).toEqual({ slots: 3, capacity: 128 })
    expect([0, 1, 2].map((slot) => kv.length(slot))).toEqual([7, 0, 4])
    await feed(kv, 2, 4, 6)
    await feed(kv, 0, 7, 9)
    await feed(kv, 1, 0, 2)
    kv.resize({ slots: 1, capacity: 32 }, [2])
    await feed(kv, 0, 6, 8)
  })

  using('reports the bytes of a shape', async (kv) => {
    const one = kv.bytes({ slots: 1, capacity: 64 })
    expect(one).toBeGreaterThan(0)
    // Where prompts are read in a scratch slot, there is one slot more.
    expect([4 * one, 6 * one]).toContain(kv.bytes({ slots: 2, capacity: 128 }))
  })
}
