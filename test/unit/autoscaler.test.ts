import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Autoscaler, type Need } from '../../workers/host/pool/autoscaler.ts'
import { type Layout, layoutsFor } from '../../workers/host/pool/layout.ts'
import { createManualClock } from '../support/manual-clock.ts'

const doubling = layoutsFor({ cores: 8, maxThreads: 1, maxLanes: 8 })
const short: Need = { session: 'a', shortMs: 1_000, costMs: 500 }

/** A pool on a clock: every lane is busy all the time with runs of 20 ms, and steps are taken as soon as they are said. */
function simulate(layouts: readonly Layout[], speedOf: (layout: Layout, now: number) => number) {
  const clock = createManualClock()
  const sizing = new Autoscaler(layouts)
  const moves: { readonly at: number; readonly layout: Layout }[] = []
  const decide = (need?: Need) => {
    const next = sizing.next(clock.now(), need)
    if (!next) return
    moves.push({ at: clock.now(), layout: next })
    sizing.arrived(next, clock.now(), need)
  }
  return {
    sizing,
    moves,
    work: (ms: number) => {
      for (const until = clock.now() + ms; clock.now() < until; clock.advance(20)) {
        const { lanes } = sizing.layout
        const rows = (20 * speedOf(sizing.layout, clock.now())) / lanes
        for (let lane = 0; lane < lanes; lane++) sizing.observe({ session: 'a', rows, ms: 20 }, clock.now())
        decide(short)
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

  test('always has a lane, and never more threads than cores', () => {
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

describe('Sizing', () => {
  test('climbs while throughput does, and stays where it ends', () => {
    const { sizing, moves, work } = simulate(doubling, ({ lanes }) => Math.min(lanes, 4))
    work(300_000)
    expect(sizing.layout.lanes).toBe(4)
    // Up to four, a look at eight, and back: then looks that come ever more rarely.
    expect(moves.slice(0, 4).map(({ layout }) => layout.lanes)).toEqual([2, 4, 8, 4])
    expect(moves.length).toBeLessThan(12)
  })

  test('gives back a lane that brings nothing, as a GPU’s second one', () => {
    const gpu: Layout[] = [
      { lanes: 1, threads: 1 },
      { lanes: 2, threads: 1 },
    ]
    const { sizing, moves, work } = simulate(gpu, () => 3)
    work(20_000)
    expect(sizing.layout.lanes).toBe(1)
    expect(moves.map(({ layout }) => layout.lanes)).toEqual([2, 1])
  })

  test('chooses between threads and lanes by what is faster', () => {
    const layouts = layoutsFor({ cores: 4, maxThreads: 4, maxLanes: 4 })
    const threads = simulate(layouts, ({ lanes }) => (lanes === 1 ? 4 : 3))
    threads.work(20_000)
    expect(threads.sizing.layout).toEqual({ lanes: 1, threads: 4 })
    const lanes = simulate(layouts, ({ lanes }) => ({ 1: 2, 2: 3, 4: 4 })[lanes] ?? 0)
    lanes.work(20_000)
    expect(lanes.sizing.layout).toEqual({ lanes: 4, threads: 1 })
  })

  test('adds nothing where nothing waited for as long as a lane costs', () => {
    const sizing = new Autoscaler(doubling)
    for (let now = 0; now < 60_000; now += 20) {
      sizing.observe({ session: 'a', rows: 1, ms: 20 }, now)
      expect(sizing.next(now, { ...short, shortMs: 499 })).toBeUndefined()
    }
  })

  test('gives lanes back, one step at a time, that nothing has needed for a while', () => {
    const { sizing, moves, work, rest } = simulate(doubling, ({ lanes }) => lanes)
    work(30_000)
    expect(sizing.layout.lanes).toBe(8)
    rest(29_000)
    expect(sizing.layout.lanes).toBe(8)
    moves.length = 0
    rest(120_000)
    expect(moves.map(({ layout }) => layout.lanes)).toEqual([4, 2, 1])
  })

  test('gives a lane back that no longer pays', () => {
    let throttled = false
    const { sizing, work } = simulate(doubling.slice(0, 2), ({ lanes }) => (throttled ? 1 : lanes))
    work(10_000)
    expect(sizing.layout.lanes).toBe(2)
    throttled = true
    work(10_000)
    expect(sizing.layout.lanes).toBe(1)
  })

  test('lanes that could not be had are asked for again, ever more rarely', () => {
    const sizing = new Autoscaler(doubling)
    let asked = 0
    for (let now = 0; now < 3_600_000; now += 20) {
      sizing.observe({ session: 'a', rows: 1, ms: 20 }, now)
      if (sizing.next(now, short)) {
        asked++
        sizing.failed(now)
      }
    }
    expect(asked).toBeGreaterThan(5)
    expect(asked).toBeLessThan(15)
  })

  test('whatever lanes bring, and however measurements swing: it ends within bounds, at a step that pays, and does not flap', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (gains, seed) => {
          // Where a gain lies beside the threshold, either step is right.
          fc.pre(gains.every((gain) => gain < 1.0 || gain > 1.25))
          const speeds = [1]
          for (const gain of gains) speeds.push((speeds.at(-1) ?? 1) * gain)
          let state = seed
          const noise = () => {
            state = (state * 48_271) % 2_147_483_647
            return 0.9 + (0.2 * state) / 2_147_483_647
          }
          const { sizing, moves, work } = simulate(
            doubling,
            (layout) => (speeds[doubling.indexOf(layout)] ?? 0) * noise(),
          )
          work(1_200_000)
          const expected = gains.findIndex((gain) => gain < 1)
          const best = expected === -1 ? 3 : expected
          // A look at the next step may be under way.
          expect([doubling[best], doubling[best + 1]]).toContain(sizing.layout)
          expect(moves.length).toBeLessThan(30)
          for (const { layout } of moves) expect(doubling).toContain(layout)
        },
      ),
      { numRuns: 40 },
    )
  })
})
