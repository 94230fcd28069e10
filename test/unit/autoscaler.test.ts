import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Autoscaler, type Need } from '../../workers/host/pool/lane-autoscaler.ts'
import { type Layout, layoutsFor } from '../../workers/host/pool/lane-layout.ts'
import { createManualClock } from '../support/manual-clock.ts'

const doubling = layoutsFor({ cores: 8, maxThreads: 1, maxLanes: 8 })
const need: Need = { session: 'a', unmetMs: 1_000, costMs: 500 }

/** A pool on a manual clock: every lane is always busy with runs of 20 ms, and each layout is applied at once. */
function simulate(layouts: readonly Layout[], speedOf: (layout: Layout, now: number) => number) {
  const clock = createManualClock()
  const autoscaler = new Autoscaler(layouts)
  const moves: { readonly at: number; readonly layout: Layout }[] = []
  const decide = (wanted?: Need) => {
    const next = autoscaler.next(clock.now(), wanted)
    if (!next) return
    moves.push({ at: clock.now(), layout: next })
    autoscaler.applied(next, clock.now(), wanted)
  }
  return {
    autoscaler,
    moves,
    work: (ms: number) => {
      for (const until = clock.now() + ms; clock.now() < until; clock.advance(20)) {
        const { lanes } = autoscaler.layout
        const rows = (20 * speedOf(autoscaler.layout, clock.now())) / lanes
        for (let lane = 0; lane < lanes; lane++)
          autoscaler.observe({ session: 'a', rows, ms: 20 }, clock.now())
        decide(need)
      }
    },
    rest: (ms: number) => {
      for (const until = clock.now() + ms; clock.now() < until; clock.advance(1_000)) decide()
    },
  }
}

describe('layoutsFor', () => {
  test('goes from one lane of many threads to many lanes of few, as far as the cores reach', () => {
    expect(layoutsFor({ cores: 8, maxThreads: 4, maxLanes: 8 })).toEqual([
      { lanes: 1, threads: 4 },
      { lanes: 2, threads: 4 },
      { lanes: 4, threads: 2 },
      { lanes: 8, threads: 1 },
    ])
    expect(layoutsFor({ cores: 2, maxThreads: 1, maxLanes: 8 })).toEqual([
      { lanes: 1, threads: 1 },
      { lanes: 2, threads: 1 },
    ])
    expect(layoutsFor({ cores: 6, maxThreads: 1, maxLanes: 3 }).map(({ lanes }) => lanes)).toEqual([1, 2, 3])
  })

  test('has one lane at least, and never more threads than cores', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 128 }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 0, max: 16 }),
        (cores, maxThreads, maxLanes) => {
          const layouts = layoutsFor({ cores, maxThreads, maxLanes })
          expect(layouts[0]?.lanes).toBe(1)
          for (const { lanes, threads } of layouts) {
            expect(lanes).toBeLessThanOrEqual(Math.max(1, maxLanes))
            expect(threads).toBeGreaterThanOrEqual(1)
            expect(lanes * threads).toBeLessThanOrEqual(Math.max(cores, lanes))
          }
        },
      ),
    )
  })
})

describe('Autoscaler', () => {
  test('tries a step again at once that was compared with the lower one before other work took half of the machine', () => {
    const layouts = layoutsFor({ cores: 2, maxThreads: 2, maxLanes: 2 })
    let isOccupied = false
    const { work, autoscaler, moves } = simulate(
      layouts,
      ({ lanes }) => (lanes === 2 ? 2 : 1) * (isOccupied ? 0.5 : 1),
    )
    // The first decision comes after enough runs of the first step.
    while (moves.length === 0) work(20)
    isOccupied = true
    work(5_000)
    expect(moves.map(({ layout }) => layout.lanes)).toEqual([2, 1, 2])
    work(20_000)
    expect(autoscaler.layout.lanes).toBe(2)
  })

  test('adds lanes while throughput rises, and stays where it stops', () => {
    const { autoscaler, moves, work } = simulate(doubling, ({ lanes }) => Math.min(lanes, 4))
    work(300_000)
    expect(autoscaler.layout.lanes).toBe(4)
    // Up to four, a trial of eight, and back; then trials that come ever more rarely.
    expect(moves.slice(0, 4).map(({ layout }) => layout.lanes)).toEqual([2, 4, 8, 4])
    expect(moves.length).toBeLessThan(12)
  })

  test('gives back a lane that brings nothing, such as a second lane of a GPU', () => {
    const gpu: Layout[] = [
      { lanes: 1, threads: 1 },
      { lanes: 2, threads: 1 },
    ]
    const { autoscaler, moves, work } = simulate(gpu, () => 3)
    work(20_000)
    expect(autoscaler.layout.lanes).toBe(1)
    expect(moves.map(({ layout }) => layout.lanes)).toEqual([2, 1])
  })

  test('chooses between threads and lanes by what is faster', () => {
    const layouts = layoutsFor({ cores: 4, maxThreads: 4, maxLanes: 4 })
    const threads = simulate(layouts, ({ lanes }) => (lanes === 1 ? 4 : 3))
    threads.work(20_000)
    expect(threads.autoscaler.layout).toEqual({ lanes: 1, threads: 4 })
    const lanes = simulate(layouts, ({ lanes }) => ({ 1: 2, 2: 3, 4: 4 })[lanes] ?? 0)
    lanes.work(20_000)
    expect(lanes.autoscaler.layout).toEqual({ lanes: 4, threads: 1 })
  })

  test('adds no lane while unmet demand is less than a lane costs', () => {
    const autoscaler = new Autoscaler(doubling)
    for (let now = 0; now < 60_000; now += 20) {
      autoscaler.observe({ session: 'a', rows: 1, ms: 20 }, now)
      expect(autoscaler.next(now, { ...need, unmetMs: 499 })).toBeUndefined()
    }
  })

  test('gives back lanes that were not needed for a while, one step at a time', () => {
    const { autoscaler, moves, work, rest } = simulate(doubling, ({ lanes }) => lanes)
    work(30_000)
    expect(autoscaler.layout.lanes).toBe(8)
    rest(29_000)
    expect(autoscaler.layout.lanes).toBe(8)
    moves.length = 0
    rest(120_000)
    expect(moves.map(({ layout }) => layout.lanes)).toEqual([4, 2, 1])
  })

  test('gives back a lane that no longer pays', () => {
    let throttled = false
    const { autoscaler, work } = simulate(doubling.slice(0, 2), ({ lanes }) => (throttled ? 1 : lanes))
    work(10_000)
    expect(autoscaler.layout.lanes).toBe(2)
    throttled = true
    work(10_000)
    expect(autoscaler.layout.lanes).toBe(1)
  })

  test('retries lanes that could not be started, ever more rarely', () => {
    const autoscaler = new Autoscaler(doubling)
    let asked = 0
    for (let now = 0; now < 3_600_000; now += 20) {
      autoscaler.observe({ session: 'a', rows: 1, ms: 20 }, now)
      if (autoscaler.next(now, need)) {
        asked++
        autoscaler.failed(now)
      }
    }
    expect(asked).toBeGreaterThan(5)
    expect(asked).toBeLessThan(15)
  })

  test('ends at a step that pays, within bounds and without flapping, whatever lanes bring and however measurements swing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (gains, seed) => {
          // Near the threshold either step is right.
          fc.pre(gains.every((gain) => gain < 1.0 || gain > 1.25))
          const speeds = [1]
          for (const gain of gains) speeds.push((speeds.at(-1) ?? 1) * gain)
          let state = seed
          const noise = () => {
            state = (state * 48_271) % 2_147_483_647
            return 0.9 + (0.2 * state) / 2_147_483_647
          }
          const { autoscaler, moves, work } = simulate(
            doubling,
            (layout) => (speeds[doubling.indexOf(layout)] ?? 0) * noise(),
          )
          work(1_200_000)
          const expected = gains.findIndex((gain) => gain < 1)
          const best = expected === -1 ? 3 : expected
          // A trial of the next step may be under way.
          expect([doubling[best], doubling[best + 1]]).toContain(autoscaler.layout)
          expect(moves.length).toBeLessThan(30)
          for (const { layout } of moves) expect(doubling).toContain(layout)
        },
      ),
      { numRuns: 40 },
    )
  })
})
