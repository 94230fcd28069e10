import { describe, expect, test, vi } from 'vitest'
import { createEchoScheduler, echo, finish, valuesOf, workOf } from '../support/echo-scheduler.ts'

const padded = echo({
  id: 'padded',
  inputs: [{ name: 'x', type: 'float32', shape: [-1, -1], pad: { axis: 1, value: -1 } }],
  outputs: [{ name: 'y', type: 'float32', shape: [-1, -1], pad: { axis: 1, value: -1 } }],
})

describe('Scheduler', () => {
  test('puts requests of different shapes in separate batches', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const answers = [[[1]], [[2, 2]], [[3]], [[4, 4]]].map((values) => scheduler.ask(workOf(values)))
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([
      [2, 1],
      [2, 2],
    ])
    expect((await Promise.all(answers)).map(valuesOf)).toEqual([[1], [2, 2], [3], [4, 4]])
  })

  test('pads rows of similar length along a pad axis, and cuts the padding off their outputs', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const lengths = [3, 4, 9, 1]
    const answers = lengths.map((length) => scheduler.ask(workOf([new Array(length).fill(length)], padded)))
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([
      [2, 4],
      [1, 9],
      [1, 1],
    ])
    expect([...(lanes.batches[0]?.data ?? [])]).toEqual([3, 3, 3, -1, 4, 4, 4, 4])
    const got = await Promise.all(answers)
    expect(got.map(valuesOf)).toEqual(lengths.map((length) => new Array(length).fill(length)))
    expect(got.map(({ outputs }) => outputs.y?.shape)).toEqual(lengths.map((length) => [1, length]))
  })

  test('keeps batches small enough for the first deadline, by the measured cost of runs', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler({ msOf: (rows) => rows * 10 })
    for (const rows of [1, 2, 4, 8]) {
      void scheduler.ask(workOf(new Array(rows).fill([0])))
      await finish(clock, scheduler)
    }
    lanes.batches.length = 0
    const answers = Array.from({ length: 20 }, (_, value) =>
      scheduler.ask(workOf([[value]]), { deadlineMs: value === 0 ? 50 : 5_000 }),
    )
    await finish(clock, scheduler)
    await Promise.all(answers)
    expect(lanes.batches[0]?.shape[0]).toBeLessThanOrEqual(5)
  })

  test.each([
    ['deadlines', [50, 9_000, 400], { withinMs: 9_000, isOpenEnded: false }],
    ['deadlines and none', [50, undefined, 9_000], { withinMs: 9_000, isOpenEnded: true }],
    ['no deadlines', [undefined, undefined], { withinMs: Number.POSITIVE_INFINITY, isOpenEnded: true }],
  ])('gives a run of requests with %s the time of the one that waits longest', async (_of, waits, time) => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const run = vi.spyOn(lanes, 'run')
    const answers = waits.map((deadlineMs, value) => scheduler.ask(workOf([[value]]), { deadlineMs }))
    await finish(clock, scheduler)
    await Promise.all(answers)
    expect(run.mock.calls.map(([, batch]) => batch)).toEqual([expect.objectContaining(time)])
  })

  test('grows batches step by step while their cost is unknown', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler({ msOf: (rows) => 1 + rows / 1_000 })
    const answers = Array.from({ length: 3_000 }, (_, value) => scheduler.ask(workOf([[value]])))
    await finish(clock, scheduler)
    await Promise.all(answers)
    expect(lanes.batches.map(({ shape }) => shape[0])).toEqual([8, 64, 512, 2_416])
  })

  test('waits for a fuller batch only where the manifest allows it, and no longer', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const patient = echo({ id: 'patient', batching: { maxDelayMs: 20, preferredRows: [4] } })
    const alone = scheduler.ask(workOf([[1]], patient))
    await new Promise(setImmediate)
    expect(lanes.batches).toHaveLength(0)
    clock.advance(20)
    await finish(clock, scheduler)
    expect(valuesOf(await alone)).toEqual([1])
    const four = [1, 2, 3, 4].map((value) => scheduler.ask(workOf([[value]], patient)))
    await new Promise(setImmediate)
    expect(lanes.batches.map(({ shape }) => shape[0])).toEqual([1, 4])
    await finish(clock, scheduler)
    await Promise.all(four)
  })
})
