import { queryObjects } from 'node:v8'
import { describe, expect, test } from 'vitest'
import type { SpillwayError } from '../../models/core/index.ts'
import type { Priority } from '../../workers/host/scheduler/priority.ts'
import { createEchoScheduler, echo, finish, valuesOf, workOf } from '../support/echo-scheduler.ts'

test('of what callers who left had sent no more is kept than waits still', async () => {
  class Sent extends Float32Array {}
  const { scheduler } = createEchoScheduler({ lanes: 0 })
  const ask = (signal?: AbortSignal) => {
    const x = { type: 'float32' as const, data: new Sent(2), shape: [1, 2] }
    scheduler.ask({ source: echo(), rows: 1, inputs: { x } }, { signal }).catch(() => {})
  }
  ask()
  const departed = new AbortController()
  for (let count = 0; count < 50; count++) ask(departed.signal)
  // Nothing of it is garbage yet, and this counts what can still be reached.
  expect(queryObjects(Sent)).toBe(51)
  departed.abort()
  await expect.poll(() => queryObjects(Sent)).toBeOneOf([1, 2])
  expect(scheduler.size).toBe(1)
})

describe('Scheduler', () => {
  test('dispatches a lone request at once, and batches those that come while the lane is busy', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const answers = [scheduler.ask(workOf([[1]]))]
    await Promise.resolve()
    expect(lanes.batches).toHaveLength(1)
    for (let value = 2; value <= 6; value++) answers.push(scheduler.ask(workOf([[value]])))
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([
      [1, 1],
      [5, 1],
    ])
    expect((await Promise.all(answers)).map(valuesOf)).toEqual([[1], [2], [3], [4], [5], [6]])
  })

  test('sends the first of thousands of requests of one turn before the turn ends', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const warmUp = Array.from({ length: 2_000 }, (_, index) => scheduler.ask(workOf([[index]])))
    await finish(clock, scheduler)
    lanes.batches.length = 0
    const answers = Array.from({ length: 2_047 }, (_, index) => scheduler.ask(workOf([[index]])))
    expect(lanes.batches).toHaveLength(0)
    answers.push(...[2_047, 2_048].map((value) => scheduler.ask(workOf([[value]]))))
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([[2_048, 1]])
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape[0])).toEqual([2_048, 1])
    expect((await Promise.all(warmUp)).length).toBe(2_000)
    expect((await Promise.all(answers)).map(valuesOf)).toEqual(
      Array.from({ length: 2_049 }, (_, index) => [index]),
    )
  })

  test('answers as many requests as it can under overload, in place of all of them too late', async () => {
    const { clock, scheduler } = createEchoScheduler({ msOf: (rows) => rows * 10 })
    void scheduler.ask(workOf([[0]]))
    await finish(clock, scheduler)
    // Three times as many requests as can be run.
    const fates: string[] = []
    for (let round = 0; round < 300; round++) {
      scheduler.ask(workOf([[round]]), { deadlineMs: 100 }).then(
        () => fates.push('answered'),
        ({ code }: SpillwayError) => fates.push(code),
      )
      await new Promise(setImmediate)
      clock.advance(3)
      await new Promise(setImmediate)
    }
    await finish(clock, scheduler)
    const answered = fates.filter((fate) => fate === 'answered').length
    expect(new Set(fates)).toEqual(new Set(['answered', 'deadline_exceeded']))
    expect(answered).toBeGreaterThan(60)
  })

  test('lets higher priorities go first, without starving lower ones', async () => {
    const one = echo({ batching: { maxRows: 1 } })
    const { clock, lanes, scheduler } = createEchoScheduler()
    const order: string[] = []
    const submit = (name: string, priority: Priority) => {
      void scheduler.ask(workOf([[0]], one), { priority }).then(() => order.push(name))
    }
    submit('running', 'normal')
    await Promise.resolve()
    submit('low', 'low')
    submit('normal', 'normal')
    submit('high', 'high')
    await finish(clock, scheduler)
    expect(order).toEqual(['running', 'high', 'normal', 'low'])

    order.length = 0
    submit('low', 'low')
    for (let index = 0; index < 600; index++) {
      submit('high', 'high')
      await new Promise(setImmediate)
      clock.advance(9)
    }
    expect(order).toContain('low')
    await finish(clock, scheduler)
    expect(lanes.batches).toHaveLength(605)
  })

  test('refuses requests at once when the queue is full, and says when to retry', async () => {
    const { clock, scheduler } = createEchoScheduler({ maxQueued: 2, msOf: () => 100 })
    const accepted = [scheduler.ask(workOf([[1]]))]
    await Promise.resolve()
    accepted.push(scheduler.ask(workOf([[2]])), scheduler.ask(workOf([[3]])))
    expect(scheduler.isSaturated).toBe(true)
    await expect(scheduler.ask(workOf([[4]]))).rejects.toMatchObject({
      code: 'overloaded',
      detail: { got: '2 waiting, 1 running', retryAfterMs: expect.any(Number) },
    })
    await finish(clock, scheduler)
    await Promise.all(accepted)
    expect(scheduler.isSaturated).toBe(false)
  })

  test('estimates how long a request would wait, from the queue and the cost of runs', async () => {
    const { clock, scheduler } = createEchoScheduler({ msOf: (rows) => rows * 10 })
    void scheduler.ask(workOf([[0]]))
    await finish(clock, scheduler)
    expect(scheduler.estimate(echo(), 1)).toEqual({ queueMs: 0, runMs: 10 })
    for (let count = 0; count < 10; count++) void scheduler.ask(workOf([[0]]))
    expect(scheduler.estimate(echo(), 1).queueMs).toBe(100)
    await finish(clock, scheduler)
  })
})
