import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { ProcessLane } from '../../workers/host/lane-client/node/start-process-lane.ts'
import { Pool, type PoolOptions } from '../../workers/host/pool/pool.ts'
import type { Lanes } from '../../workers/host/scheduler/lanes.ts'
import { Scheduler, type SchedulerOptions } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec, Work } from '../../workers/host/scheduler/work.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { digitsGraph, processLane } from '../support/process-lane.ts'
import { isAlive } from '../support/server.ts'
import { digitsManifest } from '../support/test-models.ts'

const opened: { close(): void }[] = []

interface Options extends Partial<PoolOptions>, Partial<Pick<SchedulerOptions<SessionSpec>, 'maxQueued'>> {
  /** Called when a batch's message is on its way to a lane, with the rows of its first input. */
  readonly onSent?: (rows: number) => void
}

/** A scheduler over a pool of real lanes, and the lanes that were started, in order. */
function createScheduler({ onSent, maxQueued = 100, ...options }: Options = {}) {
  const started: ProcessLane[] = []
  const clock = options.clock ?? systemClock
  const pool = new Pool({
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 30,
    clock,
    startLane: () => {
      const lane = processLane(systemClock)
      started.push(lane)
      return lane
    },
    ...options,
  })
  const lanes: Lanes<SessionSpec> = {
    count: (source) => pool.count(source),
    free: (source) => pool.free(source),
    shared: (one, other) => pool.shared(one, other),
    onFree: (callback) => pool.onFree(callback),
    prepare: (source) => pool.prepare(source),
    run: (source, batch) =>
      pool.run(source, {
        ...batch,
        pack: () => {
          const packed = batch.pack()
          setImmediate(() => onSent?.(packed.image?.shape[0] ?? 0))
          return packed
        },
      }),
  }
  const scheduler = new Scheduler({
    lanes,
    clock,
    maxQueued,
    targetMs: 10_000,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  opened.push(scheduler, pool)
  return { scheduler, pool, started }
}

afterEach(() => {
  for (const closable of opened.splice(0)) closable.close()
})

const digits: SessionSpec = {
  key: 'digits',
  manifest: digitsManifest,
  backend: 'cpu',
  variant: 'fp32',
  memory: 2 ** 20,
  request: async () => ({
    session: 'digits',
    backend: 'cpu',
    source: { from: 'bytes', graph: await digitsGraph(), external: [] },
    inputs: digitsManifest.inputs,
    outputs: digitsManifest.outputs,
    batchAxis: 0,
  }),
}

const work = (rows = 1, source = digits, value = 0.25): Work<SessionSpec> => ({
  source,
  rows,
  askedAt: performance.now(),
  inputs: {
    image: { type: 'float32', data: new Float32Array(rows * 784).fill(value), shape: [rows, 1, 28, 28] },
  },
})

const kill = (lane: ProcessLane | undefined) => process.kill(lane?.pid ?? 0, 'SIGKILL')

describe('the scheduler over real lanes', () => {
  test('answers requests of one turn in one run, each with its own rows and values', async () => {
    const { scheduler } = createScheduler()
    const alone = await scheduler.submit(work(1, digits, 0.5))
    const rows = [1, 3, 2, 1]
    const answers = await Promise.all(
      rows.map((count, index) => scheduler.submit(work(count, digits, index / 4))),
    )
    expect(answers.map(({ outputs }) => outputs.logits?.shape)).toEqual(rows.map((count) => [count, 10]))
    expect(answers.map(({ batchRows }) => batchRows)).toEqual([7, 7, 7, 7])
    const [expected, got] = [alone.outputs.logits, answers[2]?.outputs.logits]
    for (let label = 0; label < 10; label++) {
      expect(got?.data[10 + label]).toBeCloseTo(Number(expected?.data[label]), 4)
    }
  })

  test('uses every lane, and leaves nothing behind', async () => {
    const { scheduler, pool, started } = createScheduler({ layouts: () => [{ lanes: 2, threads: 1 }] })
    const busy = () => pool.stats().lanes.filter(({ state }) => state === 'busy').length
    const most: number[] = []
    const until = performance.now() + 20_000
    // A second lane loads the model once demand was unmet for as long as loading takes.
    while (!most.includes(2) && performance.now() < until) {
      const answers = Array.from({ length: 20 }, (_, count) => scheduler.submit(work(100 + count)))
      await new Promise(setImmediate)
      most.push(busy())
      expect((await Promise.all(answers)).map(({ outputs }) => outputs.logits?.shape[0])).toEqual(
        Array.from({ length: 20 }, (_, count) => 100 + count),
      )
    }
    expect(most).toContain(2)
    expect(started).toHaveLength(2)
    expect(scheduler.size + scheduler.pending).toBe(0)
  })

  test('answers each request once, with its own values, when lanes are killed with requests in flight and waiting', async () => {
    const { scheduler, pool, started } = createScheduler({ layouts: () => [{ lanes: 2, threads: 1 }] })
    const both = () => pool.stats().lanes.every(({ sessions }) => sessions.length === 1)
    const ask = async (value: number, rows: number) => {
      const { outputs } = await scheduler.submit(work(rows, digits, value))
      return [...(outputs.logits?.data ?? [])].map(Number)
    }
    const expected = [await ask(0, 1), await ask(1, 1)]
    const isRight = (logits: readonly number[], value: number, rows: number) =>
      logits.length === rows * 10 &&
      logits.every((logit, index) => Math.abs(logit - Number(expected[value]?.[index % 10])) < 1e-3)
    const until = performance.now() + 20_000
    while (!both() && performance.now() < until)
      await Promise.all(Array.from({ length: 20 }, (_, count) => ask(0, 100 + count)))
    expect(both()).toBe(true)

    let settled = 0
    const answers: Promise<boolean>[] = []
    const alive = () => started.filter(({ pid }) => isAlive(pid ?? 0))
    for (let round = 0; round < 4; round++) {
      // One of the two, then both. They are stopped first, so that requests are in flight when they are killed.
      const victims = round % 2 === 0 ? alive().slice(-1) : alive()
      for (const { pid = 0 } of victims) process.kill(pid, 'SIGSTOP')
      for (let index = 0; index < 30; index++) {
        const [value, rows] = [index % 2, 20 + index]
        answers.push(ask(value, rows).then((logits) => isRight(logits, value, rows)))
        answers.at(-1)?.finally(() => settled++)
      }
      await expect
        .poll(() => pool.stats().lanes.some(({ state }) => state === 'busy'), { interval: 1 })
        .toBe(true)
      for (const lane of victims) kill(lane)
      await Promise.all(answers)
    }
    expect(await Promise.all(answers)).toEqual(answers.map(() => true))
    expect(settled).toBe(120)
    expect(scheduler.size + scheduler.pending).toBe(0)
    expect(started.length).toBeGreaterThan(4)
  })

  test('loads a model before its first request', async () => {
    const { scheduler, pool } = createScheduler()
    expect(pool.has(digits)).toBe(false)
    await scheduler.prepare(digits)
    expect(pool.has(digits)).toBe(true)
  })

  test('replays a batch in a new lane when its lane was killed', async () => {
    const sent: number[] = []
    const { scheduler, started } = createScheduler({
      onSent: (rows) => {
        sent.push(rows)
        if (rows === 1_004) kill(started[0])
      },
    })
    // Afterwards the cost of rows is known, and the three requests share a batch.
    await scheduler.submit(work(500))
    sent.length = 0
    const answers = await Promise.all([
      scheduler.submit(work(1_000)),
      scheduler.submit(work(3)),
      scheduler.submit(work(1)),
    ])
    expect(answers.map(({ outputs }) => outputs.logits?.shape[0])).toEqual([1_000, 3, 1])
    // Together first, then each alone, so that none is blamed for another.
    expect(sent).toEqual([1_004, 1_000, 3, 1])
    expect(started).toHaveLength(2)
  })

  test('refuses a request that killed two lanes, and answers those that shared its batch', async () => {
    const { scheduler, started } = createScheduler({
      onSent: (rows) => {
        if (rows >= 1_000) kill(started.at(-1))
      },
    })
    await scheduler.prepare(digits)
    const outcomes = await Promise.allSettled([
      scheduler.submit(work(1)),
      scheduler.submit(work(1_000)),
      scheduler.submit(work(1)),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(outcomes[1]).toMatchObject({ reason: { code: 'poisoned' } })
    expect(started).toHaveLength(3)
  })

  test('fails only the requests of a model that does not load', async () => {
    const { scheduler, started } = createScheduler()
    const broken: SessionSpec = {
      ...digits,
      key: 'broken',
      request: async () => ({
        ...(await digits.request()),
        session: 'broken',
        source: { from: 'bytes', graph: new ArrayBuffer(8), external: [] },
      }),
    }
    const [first, second] = await Promise.allSettled([
      scheduler.submit(work(1, broken)),
      scheduler.submit(work()),
    ])
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'model_invalid' } })
    expect(second.status).toBe('fulfilled')
    expect(started).toHaveLength(1)
  })

  test('fails clearly when lanes do not start', async () => {
    const { scheduler } = createScheduler({
      startLane: () => {
        const lane = processLane(systemClock)
        kill(lane)
        return lane
      },
    })
    await expect(scheduler.submit(work())).rejects.toMatchObject({
      code: 'lane_failed',
      message: expect.stringContaining('killed by SIGKILL'),
    })
  })

  test('fails aborted requests at once, waiting or running, and does not run those that waited', async () => {
    const sent: number[] = []
    const { scheduler } = createScheduler({ onSent: (rows) => sent.push(rows) })
    await scheduler.prepare(digits)
    const [running, waiting] = [new AbortController(), new AbortController()]
    const first = scheduler.submit(work(2), { signal: running.signal }).catch((error) => error.code)
    await new Promise(setImmediate)
    const second = scheduler.submit(work(3), { signal: waiting.signal }).catch((error) => error.code)
    const third = scheduler.submit(work(4))
    waiting.abort()
    running.abort()
    expect(await first).toBe('aborted')
    expect(await second).toBe('aborted')
    expect((await third).batchRows).toBe(4)
    expect(sent).toEqual([2, 4])
    await expect(scheduler.submit(work(), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    })
  })

  test('fails a request at its deadline, even while it runs', async () => {
    const clock = createManualClock()
    const { scheduler } = createScheduler({ clock })
    const late = scheduler.submit({ ...work(), askedAt: clock.now() }, { deadlineMs: 50 })
    clock.advance(50)
    await expect(late).rejects.toMatchObject({
      code: 'deadline_exceeded',
      detail: { expected: 'an answer within 50 ms' },
    })
  })

  test('settles every request when it is closed', async () => {
    const { scheduler, pool } = createScheduler()
    const runs = [1, 2, 3].map((rows) => scheduler.submit(work(rows)).catch((error) => error.code))
    await new Promise(setImmediate)
    scheduler.close()
    pool.close()
    expect(await Promise.all(runs)).toEqual(['closed', 'closed', 'closed'])
    await expect(scheduler.submit(work())).rejects.toMatchObject({ code: 'closed' })
  })
})
