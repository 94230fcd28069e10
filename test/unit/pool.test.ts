import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { layoutsFor } from '../../workers/host/pool/lane-layout.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createManualLanes } from '../support/manual-lanes.ts'
import { createManualPool as create, modelSpec as model } from '../support/manual-pool.ts'

describe('Pool', () => {
  test('starts no lane once it is closed', async () => {
    const { pool, lanes } = create()
    pool.close()
    pool.prestart('wasm')
    await new Promise(setImmediate)
    expect(lanes).toEqual([])
  })

  test('knows for how long no lane could be started', async () => {
    const clock = createManualClock()
    let works = false
    const machine = createManualLanes(clock, { cores: 1, msPerRow: 1, startMs: 1, loadMs: 1 })
    const startLane = (name: string) => {
      if (!works) throw new Error('no memory for a process')
      return machine.startLane(name)
    }
    const pool = new Pool({ layouts: () => [{ lanes: 1, threads: 1 }], memoryBudget: 1, startLane, clock })
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(50)
        await new Promise(setImmediate)
      }
    }
    expect(pool.withoutLaneMs).toBe(0)
    pool.prestart('wasm')
    await pass(2_000)
    expect(pool.withoutLaneMs).toBeGreaterThan(1_000)
    works = true
    pool.prestart('wasm')
    await pass(10_000)
    pool.prestart('wasm')
    await pass(50)
    expect(pool.withoutLaneMs).toBe(0)
  })

  test('has as many lanes as pay under load, and one afterwards', async () => {
    const { load, alive, pass, pool } = create()
    const outcomes = await load(model('a'), 64, 15_000)
    expect(new Set(outcomes)).toEqual(new Set(['answered']))
    expect(alive()).toHaveLength(4)
    expect(alive().every(({ sessions }) => sessions.has('a'))).toBe(true)
    await pass(150_000)
    expect(alive()).toHaveLength(1)
    expect(pool.stats().lanes).toHaveLength(1)
  })

  test('runs requests in a free lane without texts, where there is one', async () => {
    const { load, ask, pass, pool } = create({ msPerRow: 50 }, { layouts: () => [{ lanes: 2, threads: 1 }] })
    const a = model('a')
    await load(a, 8, 3_000)
    const texts = pool.lease(a)
    const busy = () =>
      pool
        .stats()
        .lanes.filter(({ state }) => state === 'busy')
        .map(({ name }) => name)
    const first = ask(a)
    await pass(5)
    expect(busy()).toEqual(['cpu-1'])
    const second = ask(a)
    await pass(5)
    expect(busy()).toEqual(['cpu-0', 'cpu-1'])
    texts?.release()
    await pass(100)
    expect(await Promise.all([first, second])).toEqual(['answered', 'answered'])
  })

  test('stays with one lane where a second brings nothing, and fails no request during the trial', async () => {
    const { load, alive, lanes } = create({ cores: 1 })
    const outcomes = await load(model('a'), 64, 10_000)
    expect(new Set(outcomes)).toEqual(new Set(['answered']))
    expect(lanes.length).toBeGreaterThan(1)
    expect(alive()).toHaveLength(1)
  })

  test('starts no lane for a burst that ends before the lane could have started', async () => {
    const { ask, pass, lanes } = create()
    const outcomes = Array.from({ length: 30 }, () => ask(model('a')))
    await pass(2_000)
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['answered']))
    expect(lanes).toHaveLength(1)
  })

  test('fails no request when an additional lane cannot load the session', async () => {
    const { load, alive } = create({
      faultOfLoad: (_request, { name }) =>
        name.endsWith('-0') ? undefined : new SpillwayError('model_invalid', 'Not here'),
    })
    const outcomes = await load(model('a'), 64, 5_000)
    expect(new Set(outcomes)).toEqual(new Set(['answered']))
    expect(alive()).toHaveLength(1)
  })

  test('changes from one lane with many threads to many lanes with one, where that is faster', async () => {
    const layouts = () => layoutsFor({ cores: 4, maxThreads: 4, maxLanes: 4 })
    const { load, alive } = create({}, { layouts })
    const outcomes = await load(model('a'), 64, 15_000)
    expect(new Set(outcomes)).toEqual(new Set(['answered']))
    expect(alive().map(({ threads }) => threads)).toEqual([1, 1, 1, 1])
  })

  describe('with a lane that a text still uses after a change of layout', () => {
    const open = async () => {
      const layouts = () => layoutsFor({ cores: 4, maxThreads: 4, maxLanes: 4 })
      const { load, ask, pass, alive, pool } = create({}, { layouts })
      const text = ask(model('text', 300))
      await pass(500)
      await text
      const lease = pool.lease(model('text')) ?? expect.fail('no lane has the text model')
      await load(model('a'), 64, 15_000)
      expect(alive().map(({ threads }) => threads)).toEqual([4, 1, 1, 1, 1])
      return { alive, pool, lease, usedBytes: () => pool.stats().memory.usedBytes }
    }

    test('counts its memory until the text ends', async () => {
      const { alive, pool, lease, usedBytes } = await open()
      expect(usedBytes()).toBe(800)
      expect(pool.stats().lanes).toHaveLength(5)
      lease.release()
      expect(alive().map(({ threads }) => threads)).toEqual([1, 1, 1, 1])
      expect(usedBytes()).toBe(400)
      expect(pool.stats().lanes).toHaveLength(4)
    })

    test('forgets it when it dies', async () => {
      const { pool, lease, usedBytes } = await open()
      lease.lane.kill(new SpillwayError('lane_lost', 'It crashed'))
      await new Promise(setImmediate)
      expect(usedBytes()).toBe(400)
      expect(pool.stats().lanes).toHaveLength(4)
    })

    test('ends it when the pool is closed', async () => {
      const { alive, pool } = await open()
      pool.close()
      expect(alive()).toEqual([])
    })
  })

  test('unloads the least recently used session when memory is needed, and loads it again on request', async () => {
    const { ask, pass, pool, lanes } = create()
    for (const id of ['a', 'b', 'c']) {
      const outcomes = ask(model(id, 400))
      await pass(500)
      expect(await outcomes).toBe('answered')
    }
    expect([...(lanes[0]?.sessions ?? [])]).toEqual(['b', 'c'])
    expect(pool.stats().memory).toEqual({ usedBytes: 800, budgetBytes: 1_000 })
    const again = ask(model('a', 400))
    await pass(500)
    expect(await again).toBe('answered')
    expect([...(lanes[0]?.sessions ?? [])]).toEqual(['c', 'a'])
  })

  test('gives all memory to a model larger than the budget, because its size is an estimate', async () => {
    const { ask, pass, pool } = create()
    const outcomes = [ask(model('a')), ask(model('huge', 1_001))]
    await pass(1_000)
    expect(await Promise.all(outcomes)).toEqual(['answered', 'answered'])
    expect(pool.stats().lanes.flatMap(({ sessions }) => sessions)).toEqual([
      { session: 'huge', memoryBytes: 1_001 },
    ])
  })

  test('ends a lane that ran out of memory, and loads once more into an empty one', async () => {
    const { ask, pass, lanes, alive } = create({
      faultOfLoad: ({ session }, { sessions }) =>
        session === 'large' && sessions.size > 0
          ? new SpillwayError('capacity_insufficient', 'Out of memory')
          : undefined,
    })
    const [small, large] = [ask(model('small')), ask(model('large'))]
    await pass(2_000)
    expect(await Promise.all([small, large])).toEqual(['answered', 'answered'])
    expect(lanes).toHaveLength(2)
    expect(alive().map(({ sessions }) => [...sessions])).toEqual([['large']])
  })

  test('fails with capacity_insufficient where an empty lane is too small, and leaves no lane behind', async () => {
    const { ask, pass, alive } = create({
      faultOfLoad: () => new SpillwayError('capacity_insufficient', 'Out of memory'),
    })
    const outcomes = ask(model('a'))
    await pass(2_000)
    expect(await outcomes).toBe('capacity_insufficient')
    expect(alive()).toHaveLength(0)
  })

  test('restarts a lane that dies of every request ever more rarely, and fails requests at once meanwhile', async () => {
    const { ask, pass, lanes, clock } = create({
      faultOfRun: () => new SpillwayError('lane_lost', 'Crashed'),
    })
    const outcomes: string[] = []
    for (let minute = 0; minute < 10; minute++) {
      for (let second = 0; second < 60; second++) {
        void ask(model('a')).then((code) => outcomes.push(code))
        await pass(1_000)
      }
    }
    expect(clock.now()).toBe(600_000)
    expect(outcomes).toHaveLength(600)
    expect(new Set(outcomes)).toEqual(new Set(['poisoned', 'lane_failed']))
    // A few at first, then six a minute.
    expect(lanes.length).toBeLessThan(80)
  })

  test('starts a lane at once whose deaths are long past', async () => {
    let crashes = true
    const { ask, pass } = create({
      faultOfRun: () => (crashes ? new SpillwayError('lane_lost', 'Crashed') : undefined),
    })
    for (let count = 0; count < 5; count++) {
      void ask(model('a'))
      await pass(1_000)
    }
    crashes = false
    await pass(60_000)
    const outcomes = ask(model('a'))
    await pass(250)
    expect(await outcomes).toBe('answered')
  })

  test('settles every request, keeps memory within the budget and no session twice in a lane, whatever is submitted', async () => {
    const request = fc.record({
      model: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      backend: fc.constantFrom('cpu' as const, 'webgpu' as const),
      rows: fc.integer({ min: 1, max: 20 }),
      pause: fc.integer({ min: 0, max: 120 }),
    })
    const sizes: Record<string, number> = { a: 100, b: 200, c: 300, d: 600, e: 1_000 }
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 40 }), async (requests) => {
        const { ask, pass, pool, lanes, alive } = create({ startMs: 20, loadMs: 20 })
        const outcomes: Promise<string>[] = []
        for (const { model: id, backend, rows, pause } of requests) {
          outcomes.push(
            ask(
              {
                ...model(id, sizes[id]),
                key: `${id}/${backend}`,
                backend,
                request: requestOf(`${id}/${backend}`),
              },
              rows,
            ),
          )
          await pass(pause)
          const { usedBytes, budgetBytes } = pool.stats().memory
          expect(usedBytes).toBeLessThanOrEqual(budgetBytes)
        }
        await pass(20_000)
        expect(new Set(await Promise.all(outcomes))).toEqual(
          new Set(requests.length === 0 ? [] : ['answered']),
        )
        const held = pool.stats().lanes.flatMap(({ sessions }) => sessions.map(({ session }) => session))
        expect(
          alive()
            .flatMap(({ sessions }) => [...sessions])
            .sort(),
        ).toEqual(held.sort())
        pool.close()
        expect(lanes.some(({ isAlive }) => isAlive)).toBe(false)
      }),
      { numRuns: 25 },
    )
  })
})

const requestOf = (session: string) => async () => ({ ...(await model('').request()), session })
