import { expect, test } from 'vitest'
import { DeviceSession } from '../../web/device/device-session.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import { emptyGraph } from '../support/empty-graph.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createManualLanes } from '../support/manual-lanes.ts'
import { digitsManifest } from '../support/test-models.ts'

const [variant] = digitsManifest.variants
if (!variant) throw new Error('digits has no variant')
const session = (id: string, backend: 'wasm' | 'webgpu' = 'wasm') =>
  new DeviceSession({ ...digitsManifest, id }, variant, backend, emptyGraph)

/** A run takes 1 ms, and 2 ms for each row. */
const costs = () =>
  CostCurve.from([
    { rows: 1, ms: 3 },
    { rows: 64, ms: 129 },
  ])

test('the time to an answer counts the batch in the lane, the rows that wait for the same model, and other models', async () => {
  const clock = createManualClock()
  const { startLane } = createManualLanes(clock, {
    cores: 4,
    msPerRow: 0,
    msOfRun: (_session, rows) => 1 + 2 * rows,
    startMs: 0,
    loadMs: 0,
  })
  const pool = new Pool({
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 30,
    startLane,
    clock,
  })
  const scheduler = new Scheduler<DeviceSession>({
    lanes: pool,
    clock,
    maxQueued: 1_000,
    targetMs: 1_000,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  const [model, other, onGpu] = [session('model'), session('other'), session('model', 'webgpu')]
  expect(scheduler.finishMs(model, 1)).toBeUndefined()
  for (const one of [model, other, onGpu]) scheduler.seed(one, costs())
  expect([scheduler.finishMs(model, 1), scheduler.finishMs(model, 10)]).toEqual([3, 21])

  const loading = scheduler.prepare(model)
  for (let turn = 0; turn < 20; turn++) {
    await new Promise(setImmediate)
    clock.advance(0)
  }
  await loading
  const submit = (source: DeviceSession, rows: number) => {
    const image = { type: 'float32', data: new Float32Array(784 * rows), shape: [rows, 1, 28, 28] } as const
    const work = { source, rows, askedAt: clock.now(), inputs: { image } }
    // The test ends before they are answered.
    void scheduler.submit(work).catch(() => undefined)
  }
  submit(model, 5)
  await new Promise(setImmediate)
  clock.advance(4)
  // 11 ms of the batch in the lane, of which 4 are over.
  expect(scheduler.finishMs(model, 1)).toBe(7 + 3)
  submit(model, 2)
  submit(model, 2)
  await new Promise(setImmediate)
  expect(scheduler.finishMs(model, 1), 'they share one run').toBe(7 + 11)
  submit(other, 3)
  await new Promise(setImmediate)
  expect(scheduler.finishMs(model, 1), 'the other model waits for the same lane').toBe(7 + 7 + 11)
  expect(scheduler.finishMs(onGpu, 1), 'another backend has lanes of its own').toBe(3)
  scheduler.close()
  pool.close()
})
