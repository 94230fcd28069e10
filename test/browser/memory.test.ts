import { afterEach, describe, expect, test } from 'vitest'
import { commands } from 'vitest/browser'
import { systemClock } from '../../models/async/clock.ts'
import digits from '../../models/catalogue/digits/manifest.json'
import { type Manifest, parseManifest } from '../../models/core/index.ts'
import { startLaneFrom } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import type { LoadRequest } from '../../workers/protocol/lane.ts'
import smallWorkerUrl from './support/small-worker.ts?worker&url'

const mebibyte = 2 ** 20

const manifest: Manifest = {
  ...parseManifest(digits, 'the catalogue'),
  inputs: [{ name: 'x', type: 'float32', shape: [-1, 1] }],
  outputs: [{ name: 'y', type: 'float32', shape: [-1, 1] }],
}

/** A model with so many bytes of weights in an external file. A run takes as many more for each row. */
async function request(session: string, bytes: number): Promise<LoadRequest> {
  const graph = Uint8Array.from(await commands.weightsModel(bytes)).buffer
  return {
    session,
    backend: 'wasm',
    source: { from: 'bytes', graph, external: [{ path: 'weights', data: new ArrayBuffer(bytes) }] },
    inputs: manifest.inputs,
    outputs: manifest.outputs,
    batchAxis: 0,
  }
}

const opened: { close(): void }[] = []
afterEach(() => {
  for (const closable of opened.splice(0)) closable.close()
})

/** A scheduler over a pool whose workers have 64 MiB for WebAssembly. */
function createScheduler() {
  const started: Lane[] = []
  const pool = new Pool({
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 40,
    clock: systemClock,
    startLane: (name) => {
      const lane = startLaneFrom(new URL(smallWorkerUrl, import.meta.url), name, systemClock)
      started.push(lane)
      return lane
    },
  })
  const scheduler = new Scheduler<SessionSpec>({
    lanes: pool,
    clock: systemClock,
    maxQueued: 1_000,
    targetMs: 60_000,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  opened.push(scheduler, pool)
  return { scheduler, pool, started }
}

const source = (key: string, bytes: number): SessionSpec => ({
  key,
  manifest,
  backend: 'wasm',
  variant: 'fp32',
  memory: bytes,
  request: () => request(key, bytes),
})

const work = (from: SessionSpec, rows: number) => ({
  source: from,
  rows,
  askedAt: systemClock.now(),
  inputs: { x: { type: 'float32', data: new Float32Array(rows), shape: [rows, 1] } } as const,
})

describe('a worker whose WebAssembly memory cannot grow', { timeout: 60_000 }, () => {
  test('refuses a model that is too large for its memory, and runs a smaller one', async () => {
    const { scheduler, pool } = createScheduler()
    const [large, small] = [source('large', 100 * mebibyte), source('small', mebibyte)]
    await expect(scheduler.submit(work(large, 1))).rejects.toMatchObject({
      code: 'capacity_insufficient',
      message: expect.stringContaining('too little memory for large on wasm'),
    })
    // The worker was ended, because WebAssembly never gives memory back.
    expect(pool.stats().lanes).toMatchObject([{ state: 'down', sessions: [] }])
    const { outputs } = await scheduler.submit(work(small, 1))
    expect(outputs.y?.shape).toEqual([1, 1])
  })

  test('loads a model in a worker of its own where it does not fit beside another', async () => {
    const { scheduler, started } = createScheduler()
    const models = [source('one', 14 * mebibyte), source('two', 14 * mebibyte)]
    for (const model of models) {
      const { outputs } = await scheduler.submit(work(model, 1))
      expect(outputs.y?.shape).toEqual([1, 1])
    }
    expect(started).toHaveLength(2)
  })

  test('runs a batch that is too large as smaller ones, and remembers the size that fits', async () => {
    const { scheduler } = createScheduler()
    const model = source('model', mebibyte)
    // The cost of a small batch is known before a hundred rows are tried.
    await scheduler.submit(work(model, 13))
    const answers = await Promise.all(Array.from({ length: 100 }, () => scheduler.submit(work(model, 1))))
    expect(new Set(answers.map(({ outputs }) => outputs.y?.data.length))).toEqual(new Set([1]))
    const most = Math.max(...answers.map(({ batchRows }) => batchRows))
    expect(most).toBeLessThan(100)
    const again = await Promise.all(Array.from({ length: 100 }, () => scheduler.submit(work(model, 1))))
    expect(Math.max(...again.map(({ batchRows }) => batchRows))).toBeLessThanOrEqual(most)
  })

  test('refuses a request with too many rows, and runs the next', async () => {
    const { scheduler } = createScheduler()
    const model = source('model', mebibyte)
    await expect(scheduler.submit(work(model, 100))).rejects.toMatchObject({ code: 'memory_exhausted' })
    expect((await scheduler.submit(work(model, 1))).batchRows).toBe(1)
  })
})
