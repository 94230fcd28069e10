import { expect, test } from 'vitest'
import { Calibrator, type CalibratorOptions } from '../../web/device/calibration/calibrator.ts'
import { DeviceSession } from '../../web/device/device-session.ts'
import { layoutsFor } from '../../workers/host/pool/lane-layout.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import { emptyGraph } from '../support/empty-graph.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createManualLanes } from '../support/manual-lanes.ts'
import { digitsManifest } from '../support/test-models.ts'

const msPerRow = 0.5
const [variant] = digitsManifest.variants
if (!variant) throw new Error('digits has no variant')

async function create(options: Partial<Pick<CalibratorOptions, 'whenPageIdle' | 'isGenerating'>> = {}) {
  const clock = createManualClock()
  const { startLane } = createManualLanes(clock, { cores: 4, msPerRow, startMs: 10, loadMs: 10 })
  const pool = new Pool({
    layouts: () => layoutsFor({ cores: 4, maxThreads: 1, maxLanes: 1 }),
    memoryBudget: 2 ** 30,
    startLane,
    clock,
  })
  const scheduler = new Scheduler<DeviceSession>({
    lanes: pool,
    clock,
    maxQueued: 1_000,
    targetMs: 100,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  const session = new DeviceSession(
    digitsManifest,
    variant as NonNullable<typeof variant>,
    'wasm',
    emptyGraph,
  )
  const calibrator = new Calibrator({
    scheduler,
    calibrations: { keep: () => {}, writeBack: async () => {} },
    allowsWarmUp: () => true,
    isGenerating: () => false,
    clock,
    whenPageIdle: undefined,
    ...options,
  })
  const pass = async (ms: number, stepMs = 10) => {
    for (const until = clock.now() + ms; clock.now() < until; ) {
      await new Promise(setImmediate)
      clock.advance(stepMs)
      await new Promise(setImmediate)
    }
  }
  const loaded = scheduler.prepare(session)
  await pass(50)
  await loaded
  const ask = () => {
    calibrator.requested(clock.now())
    const image = { type: 'float32', data: new Float32Array(784), shape: [1, 1, 28, 28] } as const
    return scheduler.submit({ source: session, rows: 1, askedAt: clock.now(), inputs: { image } })
  }
  const batches = () => scheduler.stats().models[0]?.batches ?? 0
  return { clock, scheduler, session, calibrator, pass, ask, batches }
}

test('a model is measured by the time of its lane, after a time without requests', async () => {
  const { scheduler, session, calibrator, pass, batches } = await create()
  const calibrated = calibrator.calibrate(session)
  await pass(300)
  expect(batches()).toBe(0)
  // The page takes each answer up to 50 ms late.
  await pass(1_000, 50)
  await calibrated
  expect(scheduler.costOf(session).toJSON()).toEqual(
    [1, 8, 64].map((rows) => ({ rows, ms: rows * msPerRow })),
  )
})

test('no measurement runs while requests come, and none is needed after them', async () => {
  const { session, calibrator, pass, ask, batches } = await create()
  const calibrated = calibrator.calibrate(session)
  for (let asked = 1; asked <= 10; asked++) {
    void ask()
    await pass(100)
    expect(batches()).toBe(asked)
  }
  await calibrated
  await pass(2_000)
  expect(batches()).toBe(10)
})

test('a request during the measurement ends it', async () => {
  const { scheduler, session, calibrator, pass, ask, batches } = await create()
  const calibrated = calibrator.calibrate(session)
  await pass(400)
  expect(batches()).toBeLessThan(2)
  const answer = ask()
  await pass(2_000)
  await answer
  await calibrated
  expect(batches()).toBeLessThan(4)
  expect(scheduler.costOf(session).largestRows).toBe(1)
})

test('a measurement waits for the page, which is asked again if a request came meanwhile', async () => {
  const tasks: (() => void)[] = []
  const { session, calibrator, pass, batches } = await create({
    whenPageIdle: (task, timeoutMs) => {
      expect(timeoutMs).toBeGreaterThan(0)
      tasks.push(task)
    },
  })
  const calibrated = calibrator.calibrate(session)
  await pass(1_000)
  expect(tasks).toHaveLength(1)
  expect(batches()).toBe(0)
  calibrator.requested(1_000)
  tasks[0]?.()
  await pass(1_000)
  expect(batches()).toBe(0)
  expect(tasks).toHaveLength(2)
  tasks[1]?.()
  await pass(1_000)
  await calibrated
  expect(batches()).toBe(9)
})

test('a measurement never begins while a text is generated, nor after the tier is closed', async () => {
  const busy = await create({ isGenerating: () => true })
  const calibrated = busy.calibrator.calibrate(busy.session)
  await busy.pass(70_000, 100)
  await calibrated
  expect(busy.batches()).toBe(0)
  const closed = await create()
  const ended = closed.calibrator.calibrate(closed.session)
  closed.calibrator.close()
  await ended
  expect(closed.batches()).toBe(0)
  expect(closed.clock.waiting).toBe(0)
})

test('another model may be loaded when the page is quiet, or busy for long, but not while sequences are decoded', async () => {
  const generating = { now: false }
  const { calibrator, clock, pass, ask } = await create({ isGenerating: () => generating.now })
  const settledAt = async (work: Promise<boolean>) => [await work, clock.now()] as const
  const from = clock.now()
  const [quiet] = await Promise.all([settledAt(calibrator.whenQuiet(5_000)), pass(1_000)])
  expect(quiet).toEqual([true, from + 400])

  const busySince = clock.now()
  const busy = settledAt(calibrator.whenQuiet(5_000))
  for (let at = 0; at < 6_000; at += 100) {
    void ask()
    await pass(100)
  }
  expect(await busy).toEqual([true, busySince + 5_000])

  generating.now = true
  const decoding = settledAt(calibrator.whenQuiet(5_000))
  await pass(20_000, 100)
  generating.now = false
  const endedAt = clock.now()
  await pass(2_000, 100)
  const [isAllowed, at] = await decoding
  expect([isAllowed, at > endedAt]).toEqual([true, true])
})
