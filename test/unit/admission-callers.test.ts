import { describe, expect, test } from 'vitest'
import { CallerUse } from '../../workers/host/scheduler/caller-use.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { offerLoad } from '../support/offer-load.ts'

/** A CPU: each row costs the same, and two rows in a run answer as much as ten. A hundred rows a second. */
const runMs = (rows: number) => 10 * rows

describe('a caller that always asks for more than the lanes can do', () => {
  const polite = { runMs, rate: 40, callers: 20, seconds: 15 }

  test.each([
    ['with 60 requests at a time', { rows: 1, atOnce: 60, againMs: 100 }, 3],
    ['with 500 requests a second', { rows: 1, atOnce: 500, againMs: 1_000 }, 3],
    // Before its runs are known to pay when they are short, they are long.
    ['with requests of 16 rows', { rows: 16, atOnce: 20, againMs: 20 }, 4],
  ] as const)(
    'has none of the others refused, and gets what they leave: %s',
    async (_what, beside, times) => {
      const alone = await offerLoad(polite)
      const offered = await offerLoad({ ...polite, beside })
      expect([offered.others, offered.refused]).toEqual([[], 0])
      expect(offered.p99).toBeLessThan(times * alone.p99)
      const rows = beside.rows * offered.outcomesBeside.filter((outcome) => outcome === 'answered').length
      // It asks from the first second on.
      expect(rows / 14).toBeGreaterThan(0.8 * (100 - polite.rate))
    },
  )

  test('has hardly any of the others refused where a run takes a third of a burst', async () => {
    const slow = { ...polite, runMs: (rows: number) => 100 * rows, rate: 4, seconds: 100 }
    const offered = await offerLoad({ ...slow, beside: { rows: 4, atOnce: 20, againMs: 500 } })
    // More than a third were.
    expect(offered.refused).toBeLessThan(0.02 * offered.asked)
  })

  test('gets its share where the others together ask for more than all of them', async () => {
    const beside = { rows: 1, atOnce: 50, againMs: 100 }
    const offered = await offerLoad({ ...polite, rate: 150, beside })
    const rows = offered.outcomesBeside.filter((outcome) => outcome === 'answered').length
    expect(rows / 14).toBeGreaterThan(100 / 21)
    expect(offered.answered / 15).toBeGreaterThan(0.5 * 100)
  })
})

test('many callers that begin at twice the capacity after a pause wait for a part of a burst only', async () => {
  const pause = [2_000, 3_000] as const
  const offered = await offerLoad({ runMs, rate: 200, callers: 20, seconds: 9, pause, timedFromMs: 3_000 })
  // They waited for two thirds of the burst of 300 ms.
  expect(offered.p99).toBeLessThan(100)
  expect(offered.answered / 8).toBeGreaterThan(0.9 * 100)
})

describe('what callers had of late', () => {
  const few = { caller: 'few' }

  test('makes those modest that had less than half of the usual, by their weights', () => {
    const use = new CallerUse(createManualClock())
    // Nobody has more than another.
    expect(use.isModest(few, 10)).toBe(false)
    for (let at = 0; at < 10; at++) use.add({ caller: `caller ${at}` }, 10)
    expect(use.isModest(few, 10)).toBe(false)
    use.add({ caller: 'many' }, 1_000)
    expect(use.isModest(few, 10)).toBe(true)
    expect(use.isModest({ caller: 'many' }, 10)).toBe(false)
    expect(use.isModest(few, 600)).toBe(false)
    expect(use.isModest({ caller: 'heavy', weight: 4 }, 600)).toBe(true)
    expect(use.isModest({}, 10)).toBe(false)
  })

  test('counts a caller of great weight for what it may have', () => {
    const use = new CallerUse(createManualClock())
    use.add({ caller: 'many', weight: 100 }, 1_000)
    expect(use.isModest(few, 10)).toBe(false)
  })

  test('fades, and with it the memory of callers', () => {
    const clock = createManualClock()
    const use = new CallerUse(clock)
    use.add({ caller: 'many' }, 1_000)
    clock.advance(50_000)
    for (let at = 0; at < 10; at++) use.add(few, 10)
    expect(use.isModest({ caller: 'other' }, 10)).toBe(true)
    expect(use.isModest({ caller: 'many' }, 10)).toBe(true)
    for (let at = 0; at < 10_000; at++) {
      clock.advance(20)
      use.add({ caller: `caller ${at}` }, 1)
    }
    expect(use.size).toBeLessThan(2_000)
  })
})
