import { describe, expect, test } from 'vitest'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import * as cutting from '../../workers/host/scheduler/cut-request.ts'
import { createEchoScheduler, echo, finish, valuesOf, workOf } from '../support/echo-scheduler.ts'

const model = echo()

/** Rows that can be told apart. */
const rowsFrom = (from: number, count: number) =>
  Array.from({ length: count }, (_, row) => [from + row, -from - row])
const work = (from: number, count: number, source = model) => workOf(rowsFrom(from, count), source)

/** Rows of each batch so far. */
const sizes = (batches: readonly Tensor[]) => batches.map(({ shape }) => shape[0])
/** The first number of each batch so far. */
const firsts = (batches: readonly Tensor[]) => batches.map(({ data }) => Number(data[0]))

type Options = Parameters<typeof createEchoScheduler>[0]

/** A scheduler whose runs take 1 ms a row, as it knows, and should take at most 20. Short ones cost more: they do not pay. */
function createCutting(options: Options = {}, source = model) {
  const created = createEchoScheduler({
    msOf: (rows) => (rows < 16 ? rows + 1 : rows),
    targetMs: 20,
    cutting: () => cutting,
    ...options,
  })
  created.scheduler.seed(
    source,
    CostCurve.from([
      { rows: 1, ms: 1 },
      { rows: 16, ms: 16 },
    ]),
  )
  return created
}

/** Lets promises settle, and with them dispatches. */
const turn = () => new Promise(setImmediate)

describe('a request that would hold a lane for too long', () => {
  test('runs in about equal parts of the target time, and is answered once, with its rows in order', async () => {
    const { clock, lanes, scheduler } = createCutting()
    const answer = scheduler.ask(work(0, 100))
    await finish(clock, scheduler)
    const { outputs, ...facts } = await answer
    expect(sizes(lanes.batches)).toEqual([20, 20, 20, 20, 20])
    expect(outputs.y?.shape).toEqual([100, 2])
    expect(valuesOf({ outputs })).toEqual(rowsFrom(0, 100).flat())
    expect(facts).toMatchObject({ queueMs: 0, computeMs: 5, costMs: 100, runs: 5, batchRows: 100 })
    expect(scheduler.stats().models[0]).toMatchObject({ requests: 1, rows: 100, batches: 5, queued: 0 })
  })

  test('is not cut for a little more than the target time', async () => {
    const { clock, lanes, scheduler } = createCutting()
    const answers = [scheduler.ask(work(0, 28)), scheduler.ask(work(100, 8))]
    await finish(clock, scheduler)
    expect((await Promise.all(answers)).map(({ runs }) => runs)).toEqual([undefined, undefined])
    expect(sizes(lanes.batches)).toEqual([28, 8])
  })

  test('shares the free lanes', async () => {
    const { clock, lanes, scheduler } = createCutting({ lanes: 4 })
    const answer = scheduler.ask(work(0, 80))
    await turn()
    expect(sizes(lanes.batches)).toEqual([20, 20, 20, 20])
    await finish(clock, scheduler)
    const { outputs, answeredAt } = await answer
    expect(valuesOf({ outputs })).toEqual(rowsFrom(0, 80).flat())
    expect(answeredAt).toBe(20)
  })

  test('begins with about 64 rows while the cost of its model is not known', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler({
      msOf: (rows) => 2 + rows / 10,
      targetMs: 20,
      cutting: () => cutting,
    })
    const answer = scheduler.ask(work(0, 600))
    await finish(clock, scheduler)
    expect(valuesOf(await answer)).toEqual(rowsFrom(0, 600).flat())
    expect(sizes(lanes.batches)).toEqual([67, 178, 178, 177])
  })

  test('obeys the manifest: its limit of rows, and its preferred sizes', async () => {
    const limited = echo({ id: 'limited', batching: { maxRows: 15 } })
    const preferring = echo({ id: 'preferring', batching: { preferredRows: [4, 16] } })
    const rows = async (source: typeof model) => {
      const { clock, lanes, scheduler } = createCutting({}, source)
      const answer = scheduler.ask(work(0, 40, source))
      await finish(clock, scheduler)
      expect(valuesOf(await answer)).toEqual(rowsFrom(0, 40).flat())
      return sizes(lanes.batches)
    }
    expect(await rows(limited)).toEqual([14, 13, 13])
    expect(await rows(preferring)).toEqual([16, 24])
  })

  test.each([
    ['the model has no rows', echo({ batchAxis: null })],
    [
      'an output has none',
      echo({ outputs: [{ name: 'y', type: 'float32', shape: [-1, -1], batchAxis: null }] }),
    ],
  ])('runs at once where %s', async (_why, source) => {
    const { clock, lanes, scheduler } = createCutting({}, source)
    const answer = scheduler.ask(work(0, 100, source))
    await finish(clock, scheduler)
    expect(valuesOf(await answer)).toEqual(rowsFrom(0, 100).flat())
    expect(sizes(lanes.batches)).toEqual([100])
  })

  test('runs at once where it measures the cost of its rows', async () => {
    const { clock, lanes, scheduler } = createCutting()
    void scheduler.ask({ ...work(0, 100), isWhole: true })
    await finish(clock, scheduler)
    expect(sizes(lanes.batches)).toEqual([100])
  })

  test('is cut along any axis, and shares an input without rows', async () => {
    const source = echo({
      inputs: [
        { name: 'x', type: 'float32', shape: [2, -1], batchAxis: 1 },
        { name: 'scale', type: 'float32', shape: [1], batchAxis: null },
      ],
      outputs: [{ name: 'y', type: 'float32', shape: [2, -1], batchAxis: 1 }],
    })
    const { clock, lanes, scheduler } = createCutting({}, source)
    // The stand-in's cost is that of its first axis.
    scheduler.seed(source, CostCurve.from([{ rows: 1, ms: 1 }]))
    const data = Float32Array.from({ length: 200 }, (_, at) => at)
    const scale = { type: 'float32', data: Float32Array.of(3), shape: [1] } as const
    const x = { type: 'float32', data, shape: [2, 100] } as const
    const answer = scheduler.ask({ source, rows: 100, inputs: { x, scale } })
    await finish(clock, scheduler)
    expect(lanes.batches.length).toBeGreaterThan(1)
    expect((await answer).outputs.y).toMatchObject({ data, shape: [2, 100] })
  })
})

describe('between the parts of a long request', () => {
  test('others are answered: later ones of a page', async () => {
    const { clock, lanes, scheduler } = createCutting()
    const long = scheduler.ask(work(0, 100))
    await turn()
    const small = scheduler.ask(work(1_000, 1))
    await finish(clock, scheduler)
    await Promise.all([long, small])
    expect(firsts(lanes.batches)).toEqual([0, 20, 1_000, 40, 60, 80])
  })

  test('other callers get as much as its caller', async () => {
    const { clock, lanes, scheduler } = createCutting()
    const asked = [scheduler.ask(work(0, 100), { caller: 'a' })]
    await turn()
    for (const from of [1_000, 2_000, 3_000])
      asked.push(
        scheduler.ask(work(from, 20), { caller: 'b' }),
        scheduler.ask(work(from + 500, 1), { caller: 'c' }),
      )
    await finish(clock, scheduler)
    await Promise.all(asked)
    const order = firsts(lanes.batches)
    // The parts of one and the requests of the other take turns, and the small ones wait for one run at most.
    expect(order.filter((first) => first % 500 !== 0 || first < 500)).toEqual([0, 20, 40, 60, 80])
    expect(order.indexOf(3_000)).toBeLessThan(order.indexOf(80))
    expect(order.indexOf(1_500)).toBeLessThan(3)
  })

  test('small requests of other callers do not wait behind long ones of many', async () => {
    const { clock, lanes, scheduler } = createCutting()
    for (let caller = 0; caller < 10; caller++) void scheduler.ask(work(0, 100), { caller: `long ${caller}` })
    await turn()
    void scheduler.ask(work(1_000, 1), { caller: 'small' })
    await finish(clock, scheduler)
    expect(firsts(lanes.batches).indexOf(1_000)).toBe(1)
  })

  test('its rest counts among what waits, for bounds and estimates', async () => {
    const { clock, scheduler } = createCutting({ maxQueuedRows: 85, lanes: 2 })
    const long = scheduler.ask(work(0, 120))
    await turn()
    expect([scheduler.size, scheduler.pending]).toEqual([1, 2])
    expect(scheduler.estimate(model, 1)).toEqual({ queueMs: (2 * 20 + 80) / 2, runMs: 1 })
    // Two lanes share it.
    expect(scheduler.estimate(model, 100).runMs).toBe(50)
    await expect(scheduler.ask(work(0, 6))).rejects.toMatchObject({ code: 'overloaded' })
    const fits = scheduler.ask(work(0, 5))
    await finish(clock, scheduler)
    expect((await long).runs).toBe(6)
    expect((await fits).outputs.y?.shape).toEqual([5, 2])
  })
})

describe('a long request fails once, and runs no further', () => {
  const outcome = (answer: Promise<unknown>) =>
    answer.then(
      () => 'answered',
      (cause: unknown) => (cause instanceof SpillwayError ? cause.code : String(cause)),
    )

  test('when its caller leaves', async () => {
    const { clock, lanes, scheduler } = createCutting()
    const controller = new AbortController()
    const long = outcome(scheduler.ask(work(0, 100), { signal: controller.signal, caller: 'a' }))
    await turn()
    clock.advance(20)
    await turn()
    controller.abort()
    expect(scheduler.size).toBe(0)
    const next = scheduler.ask(work(1_000, 1), { caller: 'a' })
    await finish(clock, scheduler)
    expect([await long, (await next).batchRows]).toEqual(['aborted', 1])
    expect(firsts(lanes.batches)).toEqual([0, 20, 1_000])
  })

  test('at its deadline', async () => {
    const { clock, lanes, scheduler } = createCutting()
    const long = outcome(scheduler.ask(work(0, 100), { deadlineMs: 30 }))
    await finish(clock, scheduler)
    expect(await long).toBe('deadline_exceeded')
    expect(firsts(lanes.batches)).toEqual([0, 20])
  })

  test('when a part fails', async () => {
    const fault = ({ data }: Tensor) =>
      data[0] === 20 ? new SpillwayError('run_failed', 'Unlucky') : undefined
    const { clock, lanes, scheduler } = createCutting({ fault })
    const long = outcome(scheduler.ask(work(0, 100), { caller: 'a' }))
    await finish(clock, scheduler)
    expect(await long).toBe('run_failed')
    expect(firsts(lanes.batches)).toEqual([0, 20])
    expect(scheduler.stats().models[0]).toMatchObject({ requests: 0, queued: 0 })
  })

  test('when the scheduler is closed', async () => {
    const { clock, lanes, scheduler } = createCutting()
    const long = outcome(scheduler.ask(work(0, 100)))
    await turn()
    scheduler.close()
    clock.advance(20)
    expect(await long).toBe('closed')
    await turn()
    expect(lanes.batches).toHaveLength(1)
  })

  test('when another caller needs its place', async () => {
    const { clock, scheduler } = createCutting({ maxQueuedRows: 100 })
    const long = outcome(scheduler.ask(work(0, 100), { caller: 'a' }))
    await turn()
    const other = outcome(scheduler.ask(work(0, 30), { caller: 'b' }))
    await finish(clock, scheduler)
    expect([await long, await other]).toEqual(['overloaded', 'answered'])
  })
})

describe('a part whose', () => {
  test('lane was lost runs again, alone; after two it is poisoned', async () => {
    let losses = 0
    const fault = ({ data }: Tensor) =>
      data[0] === 20 && losses-- > 0 ? new SpillwayError('lane_lost', 'Killed') : undefined
    const { clock, lanes, scheduler } = createCutting({ fault })
    losses = 1
    const once = scheduler.ask(work(0, 100))
    await finish(clock, scheduler)
    expect(valuesOf(await once)).toEqual(rowsFrom(0, 100).flat())
    expect(firsts(lanes.batches)).toEqual([0, 20, 20, 40, 60, 80])
    losses = 2
    const twice = scheduler.ask(work(0, 100))
    twice.catch(() => undefined)
    await finish(clock, scheduler)
    await expect(twice).rejects.toMatchObject({ code: 'poisoned' })
  })

  test('rows depend on the others makes the request run at once, as later ones of its model', async () => {
    const fault = ({ shape }: Tensor) =>
      (shape[0] ?? 0) < 100 ? new SpillwayError('rows_dependent', 'Not proven') : undefined
    const { clock, lanes, scheduler } = createCutting({ fault, lanes: 2 })
    const controller = new AbortController()
    const long = scheduler.ask(work(0, 100), { caller: 'a', signal: controller.signal })
    await finish(clock, scheduler)
    expect(valuesOf(await long)).toEqual(rowsFrom(0, 100).flat())
    expect((await long).runs).toBeUndefined()
    const next = scheduler.ask(work(0, 200), { caller: 'a' })
    await finish(clock, scheduler)
    expect((await next).outputs.y?.shape).toEqual([200, 2])
    expect(sizes(lanes.batches)).toEqual([20, 20, 100, 200])
    expect(scheduler.stats().models[0]).toMatchObject({ queued: 0, requests: 2 })
  })
})
