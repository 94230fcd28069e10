import { queryObjects } from 'node:v8'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Manifest, SpillwayError, type Tensor } from '../../models/core/index.ts'
import type { Batch, BatchResult, Lanes } from '../../workers/host/scheduler/lanes.ts'
import { type Priority, priorities } from '../../workers/host/scheduler/priority.ts'
import { Scheduler, type SchedulerOptions } from '../../workers/host/scheduler/scheduler.ts'
import type { BatchedModel, RunAnswer, WaitOptions, Work } from '../../workers/host/scheduler/work.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { digitsManifest } from '../support/test-models.ts'

/** A model that returns its input. */
const echo = (change: Partial<Manifest> = {}): BatchedModel => {
  const manifest: Manifest = {
    ...digitsManifest,
    id: 'echo',
    inputs: [{ name: 'x', type: 'float32', shape: [-1, -1] }],
    outputs: [{ name: 'y', type: 'float32', shape: [-1, -1] }],
    ...change,
  }
  return { key: manifest.id, manifest }
}

const padded = echo({
  id: 'padded',
  inputs: [{ name: 'x', type: 'float32', shape: [-1, -1], pad: { axis: 1, value: -1 } }],
  outputs: [{ name: 'y', type: 'float32', shape: [-1, -1], pad: { axis: 1, value: -1 } }],
})

/** Lanes whose runs take a given time on a manual clock. They keep every batch. */
class ManualLanes implements Lanes<BatchedModel> {
  readonly #count: number
  readonly batches: Tensor[] = []
  readonly #clock: ManualClock
  readonly #msOf: (rows: number) => number
  readonly #fault: (tensor: Tensor) => SpillwayError | undefined
  #busy = 0

  constructor(
    clock: ManualClock,
    count: number,
    msOf: (rows: number) => number = () => 10,
    fault: (tensor: Tensor) => SpillwayError | undefined = () => undefined,
  ) {
    this.#clock = clock
    this.#count = count
    this.#msOf = msOf
    this.#fault = fault
  }

  count() {
    return this.#count
  }

  free() {
    return this.#count - this.#busy
  }

  shared() {
    return true
  }

  onFree() {}

  run(_source: BatchedModel, { pack }: Batch): Promise<BatchResult> {
    if (this.free() === 0) throw new Error('A busy lane was given a batch')
    this.#busy++
    const tensor = pack().x ?? expect.fail('no input')
    this.batches.push(tensor)
    const startedAt = this.#clock.now()
    const costMs = this.#msOf(tensor.shape[0] ?? 0)
    return new Promise((resolve, reject) => {
      this.#clock.after(costMs, () => {
        this.#busy--
        const fault = this.#fault(tensor)
        if (fault) reject(fault)
        else
          resolve({
            outputs: { y: tensor },
            executedOn: { backend: 'cpu', variant: 'fp32' },
            startedAt,
            waitedMs: 0,
            computeMs: 1,
            costMs,
          })
      })
    })
  }

  prepare() {
    return Promise.resolve()
  }
}

function create(
  options: {
    lanes?: number
    msOf?: (rows: number) => number
    fault?: (tensor: Tensor) => SpillwayError | undefined
    maxQueued?: number
    targetMs?: number
  } = {},
) {
  const clock = createManualClock()
  const lanes = new ManualLanes(clock, options.lanes ?? 1, options.msOf, options.fault)
  const scheduler = new AskedNow({
    lanes,
    clock,
    maxQueued: options.maxQueued ?? 10_000,
    targetMs: options.targetMs ?? 1_000,
    maxBatchBytes: 2 ** 20,
    afterTurn: (task) => queueMicrotask(task),
  })
  return { clock, lanes, scheduler }
}

/** Submits each request with the present moment. */
class AskedNow extends Scheduler<BatchedModel> {
  readonly #clock: ManualClock

  constructor(options: SchedulerOptions<BatchedModel> & { readonly clock: ManualClock }) {
    super(options)
    this.#clock = options.clock
  }

  ask(work: Omit<Work, 'askedAt'>, wait?: WaitOptions): Promise<RunAnswer> {
    return this.submit({ ...work, askedAt: this.#clock.now() }, wait)
  }
}

const work = (values: number[][], source = echo()): Omit<Work, 'askedAt'> => {
  const columns = values[0]?.length ?? 0
  return {
    source,
    rows: values.length,
    inputs: {
      x: { type: 'float32', data: Float32Array.from(values.flat()), shape: [values.length, columns] },
    },
  }
}

/** Lets promises settle and moves the clock until every request is settled. */
async function finish(clock: ManualClock, scheduler: Scheduler<BatchedModel>): Promise<void> {
  for (let turns = 0; turns < 5_000; turns++) {
    await new Promise(setImmediate)
    if (scheduler.size + scheduler.pending === 0) return
    clock.advance(5)
  }
  throw new Error(`Not finished: ${scheduler.size} waiting, ${scheduler.pending} running`)
}

const first = (
  answer: { outputs: Record<string, Tensor> } | { readonly outputs: Readonly<Record<string, Tensor>> },
) => [...(answer.outputs.y?.data ?? [])].map(Number)

test('of what callers who left had sent no more is kept than waits still', async () => {
  class Sent extends Float32Array {}
  const { scheduler } = create({ lanes: 0 })
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
    const { clock, lanes, scheduler } = create()
    const answers = [scheduler.ask(work([[1]]))]
    await Promise.resolve()
    expect(lanes.batches).toHaveLength(1)
    for (let value = 2; value <= 6; value++) answers.push(scheduler.ask(work([[value]])))
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([
      [1, 1],
      [5, 1],
    ])
    expect((await Promise.all(answers)).map(first)).toEqual([[1], [2], [3], [4], [5], [6]])
  })

  test('sends the first of thousands of requests of one turn before the turn ends', async () => {
    const { clock, lanes, scheduler } = create()
    const warmUp = Array.from({ length: 2_000 }, (_, index) => scheduler.ask(work([[index]])))
    await finish(clock, scheduler)
    lanes.batches.length = 0
    const answers = Array.from({ length: 2_047 }, (_, index) => scheduler.ask(work([[index]])))
    expect(lanes.batches).toHaveLength(0)
    answers.push(...[2_047, 2_048].map((value) => scheduler.ask(work([[value]]))))
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([[2_048, 1]])
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape[0])).toEqual([2_048, 1])
    expect((await Promise.all(warmUp)).length).toBe(2_000)
    expect((await Promise.all(answers)).map(first)).toEqual(
      Array.from({ length: 2_049 }, (_, index) => [index]),
    )
  })

  test('puts requests of different shapes in separate batches', async () => {
    const { clock, lanes, scheduler } = create()
    const answers = [[[1]], [[2, 2]], [[3]], [[4, 4]]].map((values) => scheduler.ask(work(values)))
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([
      [2, 1],
      [2, 2],
    ])
    expect((await Promise.all(answers)).map(first)).toEqual([[1], [2, 2], [3], [4, 4]])
  })

  test('pads rows of similar length along a pad axis, and cuts the padding off their outputs', async () => {
    const { clock, lanes, scheduler } = create()
    const lengths = [3, 4, 9, 1]
    const answers = lengths.map((length) => scheduler.ask(work([new Array(length).fill(length)], padded)))
    await finish(clock, scheduler)
    expect(lanes.batches.map(({ shape }) => shape)).toEqual([
      [2, 4],
      [1, 9],
      [1, 1],
    ])
    expect([...(lanes.batches[0]?.data ?? [])]).toEqual([3, 3, 3, -1, 4, 4, 4, 4])
    const got = await Promise.all(answers)
    expect(got.map(first)).toEqual(lengths.map((length) => new Array(length).fill(length)))
    expect(got.map(({ outputs }) => outputs.y?.shape)).toEqual(lengths.map((length) => [1, length]))
  })

  test('keeps batches small enough for the first deadline, by the measured cost of runs', async () => {
    const { clock, lanes, scheduler } = create({ msOf: (rows) => rows * 10 })
    for (const rows of [1, 2, 4, 8]) {
      void scheduler.ask(work(new Array(rows).fill([0])))
      await finish(clock, scheduler)
    }
    lanes.batches.length = 0
    const answers = Array.from({ length: 20 }, (_, value) =>
      scheduler.ask(work([[value]]), { deadlineMs: value === 0 ? 50 : 5_000 }),
    )
    await finish(clock, scheduler)
    await Promise.all(answers)
    expect(lanes.batches[0]?.shape[0]).toBeLessThanOrEqual(5)
  })

  test('answers as many requests as it can under overload, in place of all of them too late', async () => {
    const { clock, scheduler } = create({ msOf: (rows) => rows * 10 })
    void scheduler.ask(work([[0]]))
    await finish(clock, scheduler)
    // Three times as many requests as can be run.
    const fates: string[] = []
    for (let round = 0; round < 300; round++) {
      scheduler.ask(work([[round]]), { deadlineMs: 100 }).then(
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

  test('grows batches step by step while their cost is unknown', async () => {
    const { clock, lanes, scheduler } = create({ msOf: (rows) => 1 + rows / 1_000 })
    const answers = Array.from({ length: 3_000 }, (_, value) => scheduler.ask(work([[value]])))
    await finish(clock, scheduler)
    await Promise.all(answers)
    expect(lanes.batches.map(({ shape }) => shape[0])).toEqual([8, 64, 512, 2_416])
  })

  test('waits for a fuller batch only where the manifest allows it, and no longer', async () => {
    const { clock, lanes, scheduler } = create()
    const patient = echo({ id: 'patient', batching: { maxDelayMs: 20, preferredRows: [4] } })
    const alone = scheduler.ask(work([[1]], patient))
    await new Promise(setImmediate)
    expect(lanes.batches).toHaveLength(0)
    clock.advance(20)
    await finish(clock, scheduler)
    expect(first(await alone)).toEqual([1])
    const four = [1, 2, 3, 4].map((value) => scheduler.ask(work([[value]], patient)))
    await new Promise(setImmediate)
    expect(lanes.batches.map(({ shape }) => shape[0])).toEqual([1, 4])
    await finish(clock, scheduler)
    await Promise.all(four)
  })

  test('lets higher priorities go first, without starving lower ones', async () => {
    const one = echo({ batching: { maxRows: 1 } })
    const { clock, lanes, scheduler } = create()
    const order: string[] = []
    const submit = (name: string, priority: Priority) => {
      void scheduler.ask(work([[0]], one), { priority }).then(() => order.push(name))
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
    const { clock, scheduler } = create({ maxQueued: 2, msOf: () => 100 })
    const accepted = [scheduler.ask(work([[1]]))]
    await Promise.resolve()
    accepted.push(scheduler.ask(work([[2]])), scheduler.ask(work([[3]])))
    expect(scheduler.isSaturated).toBe(true)
    await expect(scheduler.ask(work([[4]]))).rejects.toMatchObject({
      code: 'overloaded',
      detail: { got: '2 waiting, 1 running', retryAfterMs: expect.any(Number) },
    })
    await finish(clock, scheduler)
    await Promise.all(accepted)
    expect(scheduler.isSaturated).toBe(false)
  })

  test('estimates how long a request would wait, from the queue and the cost of runs', async () => {
    const { clock, scheduler } = create({ msOf: (rows) => rows * 10 })
    void scheduler.ask(work([[0]]))
    await finish(clock, scheduler)
    expect(scheduler.estimate(echo(), 1)).toEqual({ queueMs: 0, runMs: 10 })
    for (let count = 0; count < 10; count++) void scheduler.ask(work([[0]]))
    expect(scheduler.estimate(echo(), 1).queueMs).toBe(100)
    await finish(clock, scheduler)
  })

  test('fails a bad request alone, however many share its batch', async () => {
    const { clock, scheduler } = create({
      fault: ({ data }) =>
        [...data].map(Number).includes(13) ? new SpillwayError('run_failed', 'Unlucky') : undefined,
    })
    const answers = Array.from({ length: 20 }, (_, value) =>
      scheduler.ask(work([[value]])).then(first, (error) => error.code),
    )
    await finish(clock, scheduler)
    expect(await Promise.all(answers)).toEqual(
      Array.from({ length: 20 }, (_, value) => (value === 13 ? 'run_failed' : [value])),
    )
  })

  test('settles every request once, with its own answer, in bounded batches, whatever is submitted', async () => {
    const request = fc.record({
      rows: fc.integer({ min: 1, max: 4 }),
      columns: fc.integer({ min: 1, max: 3 }),
      priority: fc.constantFrom(...priorities),
      deadlineMs: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
      abortAfter: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      pause: fc.integer({ min: 0, max: 30 }),
      fate: fc.constantFrom('fine', 'fine', 'fine', 'fails', 'kills'),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (requests, lanesCount) => {
          let settled = 0
          // A row's first number is the index of its request, whose fate decides the fault.
          const fault = ({ data, shape }: Tensor) => {
            const columns = shape[1] ?? 1
            const fates = [...data]
              .map(Number)
              .filter((_, index) => index % columns === 0)
              .map((index) => requests[index]?.fate)
            if (fates.includes('kills')) return new SpillwayError('lane_lost', 'Killed')
            return fates.includes('fails') ? new SpillwayError('run_failed', 'Failed') : undefined
          }
          const source = echo({ batching: { maxRows: 6 } })
          const { clock, lanes, scheduler } = create({
            lanes: lanesCount,
            fault,
            maxQueued: 25,
            msOf: (rows) => 3 + rows,
          })
          const outcomes: Promise<unknown>[] = []
          for (const [
            index,
            { rows, columns, priority, deadlineMs, abortAfter, pause },
          ] of requests.entries()) {
            const controller = new AbortController()
            if (abortAfter !== undefined) clock.after(abortAfter, () => controller.abort())
            const values = Array.from({ length: rows }, () => new Array(columns).fill(index))
            outcomes.push(
              scheduler
                .ask(work(values, source), { priority, deadlineMs, signal: controller.signal })
                .then(first, (error) => error.code)
                .finally(() => settled++),
            )
            await new Promise(setImmediate)
            clock.advance(pause)
          }
          await finish(clock, scheduler)
          const answers = await Promise.all(outcomes)
          expect(settled).toBe(requests.length)
          expect(scheduler.size + scheduler.pending).toBe(0)
          for (const { shape } of lanes.batches) expect(shape[0]).toBeLessThanOrEqual(6)
          for (const [index, { rows, columns, deadlineMs, abortAfter, fate }] of requests.entries()) {
            const own = new Array(rows * columns).fill(index)
            const allowed: unknown[] = ['overloaded']
            if (deadlineMs !== undefined) allowed.push('deadline_exceeded')
            if (abortAfter !== undefined) allowed.push('aborted')
            if (fate === 'fine') allowed.push(own)
            if (fate === 'fails') allowed.push('run_failed')
            if (fate === 'kills') allowed.push('poisoned')
            expect(allowed).toContainEqual(answers[index])
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})
