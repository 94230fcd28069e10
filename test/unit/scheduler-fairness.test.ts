import { describe, expect, test } from 'vitest'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { Turns } from '../../workers/host/scheduler/turns.ts'
import { createEchoScheduler, echo, finish, workOf } from '../support/echo-scheduler.ts'

/** At most 8 rows a batch. */
const batching = { maxRows: 8 }
const model = echo({ batching })
const other = echo({ id: 'other', batching })

/** The rows of all batches so far, by their first number. */
const ranRows = (batches: readonly Pick<Tensor, 'data'>[]) => batches.map(({ data }) => [...data].map(Number))

describe('callers take turns', () => {
  test('so that one request beside 128 of another caller is in the next batch', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    for (let at = 0; at < 128; at++) void scheduler.ask(workOf([[1]], model), { caller: 'many' })
    // The first batch runs.
    await Promise.resolve()
    void scheduler.ask(workOf([[2]], model), { caller: 'one' })
    await finish(clock, scheduler)
    expect(ranRows(lanes.batches).findIndex((rows) => rows.includes(2))).toBe(1)
  })

  test('also where their requests have other shapes, or are for other models', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    for (let at = 0; at < 128; at++) void scheduler.ask(workOf([[1]], model), { caller: 'many' })
    await Promise.resolve()
    void scheduler.ask(workOf([[2, 2]], model), { caller: 'other shape' })
    void scheduler.ask(workOf([[3]], other), { caller: 'other model' })
    await finish(clock, scheduler)
    const order = ranRows(lanes.batches)
    expect(order.findIndex((rows) => rows.includes(2))).toBeLessThan(4)
    expect(order.findIndex((rows) => rows.includes(3))).toBeLessThan(4)
  })

  test('by rows: large requests of one caller give way to small ones of another', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const eightRows = Array.from({ length: 8 }, () => [1])
    for (let at = 0; at < 10; at++) void scheduler.ask(workOf(eightRows, model), { caller: 'large' })
    await Promise.resolve()
    for (let at = 0; at < 8; at++) void scheduler.ask(workOf([[2]], model), { caller: 'small' })
    await finish(clock, scheduler)
    const order = ranRows(lanes.batches)
    expect(order.findLastIndex((rows) => rows.includes(2))).toBeLessThan(4)
  })

  test('a caller with one large request after the other does not starve another', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const eightRows = Array.from({ length: 8 }, () => [1])
    let rounds = 0
    const again = async (): Promise<void> => {
      if (++rounds > 20) return
      await scheduler.ask(workOf(eightRows, model), { caller: 'large' })
      return again()
    }
    // Two at a time, so that one always waits.
    const large = [again(), again()]
    await Promise.resolve()
    for (let at = 0; at < 8; at++) void scheduler.ask(workOf([[2]], model), { caller: 'small' })
    await finish(clock, scheduler)
    await Promise.all(large)
    expect(ranRows(lanes.batches).findLastIndex((rows) => rows.includes(2))).toBeLessThan(6)
  })

  test('a small request does not wait behind a large one of each other caller', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const eightRows = Array.from({ length: 8 }, () => [1])
    for (let at = 0; at < 20; at++) void scheduler.ask(workOf(eightRows, model), { caller: `large ${at}` })
    await Promise.resolve()
    void scheduler.ask(workOf([[2]], other), { caller: 'small' })
    await finish(clock, scheduler)
    expect(ranRows(lanes.batches).findIndex((rows) => rows.includes(2))).toBeLessThan(3)
  })

  test('and ever new callers with small requests do not starve a large one', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const eightRows = Array.from({ length: 8 }, () => [2])
    let callers = 0
    const again = async (): Promise<void> => {
      if (++callers > 60) return
      await scheduler.ask(workOf([[1]], other), { caller: `small ${callers}` })
      return again()
    }
    const small = [again(), again(), again()]
    await Promise.resolve()
    void scheduler.ask(workOf(eightRows, model), { caller: 'large' })
    await finish(clock, scheduler)
    await Promise.all(small)
    expect(ranRows(lanes.batches).findIndex((rows) => rows.includes(2))).toBeLessThan(12)
  })

  test('and priorities count beside turns', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    for (let at = 0; at < 24; at++) void scheduler.ask(workOf([[1]], model), { caller: 'a' })
    await Promise.resolve()
    void scheduler.ask(workOf([[2]], model), { caller: 'b', priority: 'low' })
    void scheduler.ask(workOf([[3]], model), { caller: 'a', priority: 'high' })
    await finish(clock, scheduler)
    const order = ranRows(lanes.batches)
    expect(order.findIndex((rows) => rows.includes(2))).toBe(order.length - 1)
  })
})

describe('the queue of a model', () => {
  test('refuses when it is full, while other models are answered', async () => {
    const { clock, scheduler } = createEchoScheduler({ maxQueued: 2 })
    const ask = (source = model) => scheduler.ask(workOf([[1]], source), { caller: 'a' })
    const running = ask()
    await Promise.resolve()
    const waiting = [ask(), ask()]
    await expect(ask()).rejects.toMatchObject({ code: 'overloaded' })
    const elsewhere = ask(other)
    await finish(clock, scheduler)
    expect(await Promise.all([running, ...waiting, elsewhere])).toHaveLength(4)
  })

  test.each([
    ['rows', { maxQueuedRows: 4 }],
    ['bytes', { maxQueuedBytes: 16 }],
  ])('is bounded by %s', async (_what, bounds) => {
    const { clock, scheduler } = createEchoScheduler(bounds)
    const ask = (rows: number) =>
      scheduler.ask(workOf(new Array(rows).fill([1]), model), { caller: 'a' }).catch(({ code }) => code)
    const answers = [ask(8)]
    await Promise.resolve()
    answers.push(ask(3), ask(2), ask(1))
    await finish(clock, scheduler)
    expect((await Promise.all(answers)).map((answer) => answer === 'overloaded')).toEqual([
      false,
      false,
      true,
      false,
    ])
  })

  test('takes the place of the caller that has most of it for another', async () => {
    const { clock, scheduler } = createEchoScheduler({ maxQueued: 4 })
    const ask = (caller: string) =>
      scheduler.ask(workOf([[1]], model), { caller }).catch(({ code }) => `${caller} ${code}`)
    const answers = [ask('a')]
    await Promise.resolve()
    answers.push(ask('a'), ask('a'), ask('a'), ask('a'))
    expect(scheduler.refusal(model, { caller: 'a' })?.code).toBe('overloaded')
    expect(scheduler.refusal(model, { caller: 'b' })).toBeUndefined()
    // Each has half of it then: no more places change hands.
    answers.push(ask('b'), ask('b'), ask('b'))
    await finish(clock, scheduler)
    expect((await Promise.all(answers)).filter((answer) => typeof answer === 'string')).toEqual([
      'a overloaded',
      'a overloaded',
      'b overloaded',
    ])
  })
})

describe('a full queue', () => {
  const bounds = { maxQueued: 100, maxQueuedRows: 8 }
  const rowsOf = (rows: number) => workOf(new Array(rows).fill([1]), model)
  const outcomeOf = (answer: Promise<unknown>) =>
    answer.then(
      () => 'answered',
      ({ code }) => code,
    )

  test('loses as many requests as another caller needs places, the last ones of who has most', async () => {
    const { clock, scheduler } = createEchoScheduler(bounds)
    const ask = (caller: string, rows: number) => outcomeOf(scheduler.ask(rowsOf(rows), { caller }))
    const running = ask('many', 8)
    await Promise.resolve()
    const many = [
      ask('many', 1),
      ask('many', 1),
      ask('many', 1),
      ask('many', 1),
      ask('many', 1),
      ask('many', 1),
    ]
    const few = [ask('few', 2), ask('other', 2)]
    await finish(clock, scheduler)
    expect(await Promise.all([running, ...few])).toEqual(Array(3).fill('answered'))
    expect(await Promise.all(many)).toEqual([...Array(4).fill('answered'), ...Array(2).fill('overloaded')])
  })

  test('loses none for a request that finds no place all the same', async () => {
    const { clock, scheduler } = createEchoScheduler(bounds)
    const ask = (caller: string, rows: number) => outcomeOf(scheduler.ask(rowsOf(rows), { caller }))
    const running = ask('many', 8)
    await Promise.resolve()
    const waiting = [ask('many', 4), ask('many', 1), ask('other', 3)]
    // It would have more than the others: the last request of the first would not be enough.
    expect(await ask('large', 4)).toBe('overloaded')
    await finish(clock, scheduler)
    expect(await Promise.all([running, ...waiting])).toEqual(Array(4).fill('answered'))
  })
})

describe('ever new callers', () => {
  test('do not keep another from its second request', () => {
    const turns = new Turns()
    turns.take('first', 1)
    const second = turns.take('first', 1)
    let served = 0
    for (; ; served++) {
      const fresh = turns.take(`caller ${served}`, 1)
      if (second.start < fresh.start) break
      turns.reach(fresh)
    }
    expect(served).toBeLessThan(100)
  })

  test('are forgotten when they have no claim', () => {
    const turns = new Turns()
    for (let caller = 0; caller < 10_000; caller++) turns.reach(turns.take(`caller ${caller}`, 1))
    expect(turns.size).toBeLessThan(2_000)
    turns.clear()
    expect(turns.size).toBe(0)
  })
})

test('a request that ran, and whose caller leaves before it runs again, has used its turn', async () => {
  const { clock, lanes, scheduler } = createEchoScheduler({
    fault: ({ data }) => (data[0] === 1 ? new SpillwayError('lane_lost', 'Killed') : undefined),
  })
  const source = echo({ batching: { maxRows: 1 } })
  const ask = (caller: string, value: number, signal?: AbortSignal) =>
    scheduler.ask(workOf([[value]], source), { caller, signal }).catch(() => undefined)
  const left = new AbortController()
  const answers = [ask('a', 1, left.signal)]
  await new Promise(setImmediate)
  answers.push(ask('a', 2), ask('a', 3), ask('b', 10), ask('b', 11), ask('b', 12))
  // The lane is lost, and takes the next request before this one is queued again.
  clock.advance(10)
  await new Promise(setImmediate)
  left.abort()
  answers.push(ask('a', 4))
  await finish(clock, scheduler)
  await Promise.all(answers)
  expect(lanes.batches.map(({ data }) => data[0])).toEqual([1, 2, 10, 3, 11, 12, 4])
})
