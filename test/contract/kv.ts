import { expect, test } from 'vitest'
import type { Kv } from '../../workers/lane/kv/kv.ts'
import type { Logits } from '../../workers/lane/sampling/types.ts'

export interface KvSubject {
  /** Two slots of 64 tokens. */
  open(): Promise<Kv>
  /** Whether a slot's end can be cut off. */
  readonly cuts: boolean
  /** Tokens of a text, and the logits after each. */
  readonly tokens: readonly number[]
  readonly logits: readonly (readonly number[])[]
}

/** What every way of keeping keys and values does with a real model. */
export function kvContract({ open, cuts, tokens, logits }: KvSubject): void {
  const expectAt = (got: Logits | undefined, position: number) => {
    const expected = logits[position] ?? []
    const farthest = Math.max(...expected.map((one, at) => Math.abs(one - (got?.values[at] ?? Number.NaN))))
    expect(farthest, `after token ${position}`).toBeLessThan(1e-3)
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

  using('reads a prompt whole, in pieces, or token by token alike', async (kv) => {
    expectAt(await kv.prefill(0, tokens.slice(0, 8), 'all'), 7)
    await kv.prefill(1, tokens.slice(0, 5))
    expectAt(await kv.prefill(1, tokens.slice(5, 8), 'all'), 7)
    expect([kv.length(0), kv.length(1)]).toEqual([8, 8])
    kv.truncate(0, 0)
    await feed(kv, 0, 0, 4)
    await feed(kv, 1, 8, 12)
  })

  using('gives rows of different lengths their own logits, in the order asked for', async (kv) => {
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
    // One alone, then both again: what was not asked has kept its own.
    await feed(kv, 1, 13, 15)
    await feed(kv, 0, 7, 9)
  })

  using('goes on from what is left of a slot', async (kv) => {
    await kv.prefill(1, tokens.slice(0, 10))
    const left = kv.truncate(1, 6)
    expect(left).toBe(cuts ? 6 : 0)
    await feed(kv, 1, left, 9)
  })

  using('keeps what slots hold through another shape, where it is told to', async (kv) => {
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

  using('says what a shape takes', async (kv) => {
    const one = kv.bytes({ slots: 1, capacity: 64 })
    expect(one).toBeGreaterThan(0)
    // Where a prompt is read beside the slots, there is one more.
    expect([4 * one, 6 * one]).toContain(kv.bytes({ slots: 2, capacity: 128 }))
  })
}
