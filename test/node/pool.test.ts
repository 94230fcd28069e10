import { afterEach, describe, expect, test } from 'vitest'
import type { Tensor } from '../../models/index.ts'
import { systemClock } from '../../workers/clock.ts'
import type { ProcessLane } from '../../workers/node/start.ts'
import { type Batch, Pool, type PoolOptions, type SessionSource } from '../../workers/pool/pool.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { digitsGraph, processLane } from '../support/process-lane.ts'
import { digitsManifest } from '../support/test-models.ts'

const pools: Pool[] = []

/** A pool of real lanes, and the lanes that it started, in order. */
function createPool(options: Partial<PoolOptions> = {}) {
  const lanes: ProcessLane[] = []
  const pool = new Pool({
    lanes: 1,
    threads: 1,
    maxQueued: 100,
    clock: systemClock,
    startLane: () => {
      const lane = processLane(systemClock)
      lanes.push(lane)
      return lane
    },
    ...options,
  })
  pools.push(pool)
  return { pool, lanes }
}

afterEach(() => {
  for (const pool of pools.splice(0)) pool.close()
})

const source: SessionSource = {
  key: 'digits',
  request: async () => ({
    session: 'digits',
    backend: 'cpu',
    source: { from: 'bytes', graph: await digitsGraph(), external: [] },
    inputs: digitsManifest.inputs,
    outputs: digitsManifest.outputs,
    batchAxis: 0,
  }),
}

const image = (rows: number): Tensor => ({
  type: 'float32',
  data: new Float32Array(rows * 784).fill(0.25),
  shape: [rows, 1, 28, 28],
})

const batch = (rows = 1): Batch => ({ session: source, pack: () => ({ image: image(rows) }) })

const kill = (lane: ProcessLane | undefined) => process.kill(lane?.pid ?? 0, 'SIGKILL')

/** Calls `then` when the batch is packed, which is just before it is sent to a lane. */
const whenSent = (then: () => void): Batch => ({
  session: source,
  pack: () => {
    // After this turn the message is on its way.
    setImmediate(then)
    return { image: image(2_000) }
  },
})

describe('Pool', () => {
  test('answers more requests than it has lanes, each with its own rows', async () => {
    const { pool, lanes } = createPool({ lanes: 2 })
    const rows = Array.from({ length: 20 }, (_, index) => index + 1)
    const results = await Promise.all(rows.map((count) => pool.run(batch(count))))
    expect(results.map(({ outputs }) => outputs.logits?.shape[0])).toEqual(rows)
    expect(lanes).toHaveLength(2)
    expect(pool.size + pool.pending).toBe(0)
  })

  test('loads a model before its first request', async () => {
    const { pool } = createPool()
    expect(pool.has('digits')).toBe(false)
    await pool.prepare(source)
    expect(pool.has('digits')).toBe(true)
  })

  test('replays what a killed lane held, in a new one', async () => {
    const { pool, lanes } = createPool()
    await pool.prepare(source)
    let sent = 0
    const held = whenSent(() => {
      if (++sent === 1) kill(lanes[0])
    })
    const results = await Promise.all([pool.run(held), pool.run(batch()), pool.run(batch())])
    expect(results.map(({ outputs }) => outputs.logits?.shape[0])).toEqual([2_000, 1, 1])
    expect(sent).toBe(2)
    expect(lanes).toHaveLength(2)
  })

  test('refuses a request that two lanes died of, and serves the next', async () => {
    const { pool, lanes } = createPool()
    await pool.prepare(source)
    const poison: Batch = whenSent(() => kill(lanes.at(-1)))
    const after = pool.run(poison).catch((error) => error)
    const next = pool.run(batch())
    expect(await after).toMatchObject({ code: 'poisoned' })
    expect((await next).outputs.logits?.shape).toEqual([1, 10])
    expect(lanes).toHaveLength(3)
  })

  test('a model that does not load fails its requests and no others', async () => {
    const { pool, lanes } = createPool()
    const broken: SessionSource = {
      key: 'broken',
      request: async () => ({
        ...(await source.request()),
        session: 'broken',
        source: { from: 'bytes', graph: new ArrayBuffer(8), external: [] },
      }),
    }
    const [first, second] = await Promise.allSettled([
      pool.run({ ...batch(), session: broken }),
      pool.run(batch()),
    ])
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'model_invalid' } })
    expect(second.status).toBe('fulfilled')
    expect(lanes).toHaveLength(1)
  })

  test('gives up on lanes that do not start, and says so', async () => {
    const { pool } = createPool({
      startLane: () => {
        const lane = processLane(systemClock)
        kill(lane)
        return lane
      },
    })
    await expect(pool.run(batch())).rejects.toMatchObject({
      code: 'lane_failed',
      message: expect.stringContaining('killed by SIGKILL'),
    })
  })

  test('is bounded: past its queue it refuses at once, and says when to come back', async () => {
    const { pool } = createPool({ maxQueued: 2 })
    const accepted = [pool.run(batch()), pool.run(batch()), pool.run(batch())]
    expect(pool.isSaturated).toBe(true)
    await expect(pool.run(batch())).rejects.toMatchObject({
      code: 'overloaded',
      detail: { got: '2 waiting, 1 running', retryAfterMs: expect.any(Number) },
    })
    await Promise.all(accepted)
    expect(pool.isSaturated).toBe(false)
  })

  test('lets an aborted request go, waiting or running, and does nothing for it', async () => {
    const { pool } = createPool()
    const running = new AbortController()
    const waiting = new AbortController()
    let packed = 0
    const counted = (): Batch => ({
      session: source,
      pack: () => {
        packed++
        return { image: image(1) }
      },
    })
    const [first, second, third] = [
      pool.run(counted(), { signal: running.signal }),
      pool.run(counted(), { signal: waiting.signal }),
      pool.run(counted()),
    ]
    waiting.abort()
    running.abort()
    await expect(first).rejects.toMatchObject({ code: 'aborted' })
    await expect(second).rejects.toMatchObject({ code: 'aborted' })
    await third
    expect(packed).toBe(2)
    await expect(pool.run(counted(), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    })
  })

  test('lets a request go at its deadline', async () => {
    const clock = createManualClock()
    const { pool } = createPool({ clock })
    const late = pool.run(batch(), { deadlineMs: 50 })
    clock.advance(50)
    await expect(late).rejects.toMatchObject({
      code: 'deadline_exceeded',
      detail: { expected: 'an answer within 50 ms' },
    })
  })

  test('settles everything when it is closed', async () => {
    const { pool } = createPool()
    const runs = [1, 2, 3].map(() => pool.run(batch()).catch((error) => error.code))
    pool.close()
    expect(await Promise.all(runs)).toEqual(['closed', 'closed', 'closed'])
    await expect(pool.run(batch())).rejects.toMatchObject({ code: 'closed' })
  })
})
