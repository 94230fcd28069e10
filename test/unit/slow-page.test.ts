import { expect, test } from 'vitest'
import type { Calibration } from '../../web/device/calibration/calibration-store.ts'
import { Calibrations } from '../../web/device/calibration/calibrations.ts'
import { layoutsFor } from '../../workers/host/pool/lane-layout.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createManualLanes } from '../support/manual-lanes.ts'
import { digitsManifest } from '../support/test-models.ts'

/** The lane's milliseconds for one row. */
const msPerRow = 0.02

const source: SessionSpec = {
  key: 'digits@1/fp32/wasm',
  manifest: digitsManifest,
  backend: 'wasm',
  variant: 'fp32',
  memory: 1,
  request: async () => ({
    session: 'digits@1/fp32/wasm',
    backend: 'wasm',
    source: { from: 'bytes', graph: new ArrayBuffer(0), external: [] },
    inputs: digitsManifest.inputs,
    outputs: digitsManifest.outputs,
    batchAxis: digitsManifest.batchAxis,
  }),
}

const image = { type: 'float32', data: new Float32Array(784), shape: [1, 1, 28, 28] } as const

/** A page's scheduler over lanes that need `msPerRow`. Time passes for the page in jumps, as its thread is blocked. */
async function createPage(seed?: CostCurve) {
  const clock = createManualClock()
  const { lanes, startLane } = createManualLanes(clock, { cores: 4, msPerRow, startMs: 10, loadMs: 10 })
  const pool = new Pool({
    layouts: () => layoutsFor({ cores: 4, maxThreads: 1, maxLanes: 1 }),
    memoryBudget: 1_000,
    startLane,
    clock,
  })
  const scheduler = new Scheduler({
    lanes: pool,
    clock,
    maxQueued: 65_536,
    targetMs: 100,
    maxBatchBytes: 256 * 2 ** 20,
    afterTurn: (task) => queueMicrotask(task),
  })
  const loaded = scheduler.prepare(source)
  for (let step = 0; step < 10; step++) {
    await new Promise(setImmediate)
    clock.advance(10)
  }
  await loaded
  if (seed) scheduler.seed(source, seed)
  const fates = new Map<string, number>()
  const ask = (deadlineMs: number) => {
    const work = { source, rows: 1, askedAt: clock.now(), inputs: { image } }
    void scheduler
      .submit(work, { deadlineMs })
      .then(
        () => 'answered',
        ({ code }) => String(code),
      )
      .then((fate) => fates.set(fate, (fates.get(fate) ?? 0) + 1))
  }
  return { clock, scheduler, lanes, fates, ask }
}

type Page = Awaited<ReturnType<typeof createPage>>

/** 4,000 calls a second for four seconds. Of each 230 ms the page's thread works in `free` steps of 1 ms. */
async function callFromBlockedPage({ clock, scheduler, ask }: Page, free: number): Promise<number> {
  const blockedMs = 230 - free
  let asked = 0
  for (let cycle = 0; cycle < 18; cycle++) {
    for (let step = 0; step < free; step++) {
      for (let call = 0; call < 920 / free; call++, asked++) ask(1_000)
      await new Promise(setImmediate)
      if (step < free - 1) clock.advance(1)
    }
    clock.advance(1 + blockedMs)
    await new Promise(setImmediate)
  }
  for (let cycle = 0; scheduler.size + scheduler.pending > 0 && cycle < 100; cycle++) {
    clock.advance(230)
    await new Promise(setImmediate)
  }
  return asked
}

/** Milliseconds of a row that the scheduler believes in, by the rows of a run. */
const believed = (curve: CostCurve) => curve.toJSON().map(({ rows, ms }) => ms / rows)

test.each([
  { free: 23, title: 'is blocked for 200 of 230 ms' },
  { free: 1, title: 'takes one answer in 230 ms, as on a machine that is busy, too' },
])('a page that $title answers 4,000 calls a second, and learns what its lane needs', async ({ free }) => {
  const page = await createPage()
  const asked = await callFromBlockedPage(page, free)
  expect(page.fates).toEqual(new Map([['answered', asked]]))
  const curve = page.scheduler.costOf(source)
  for (const ms of believed(curve)) expect(ms).toBeCloseTo(msPerRow, 6)

  let kept: Calibration | undefined
  const store = {
    read: async () => undefined,
    write: async (_: string, calibration: Calibration) => {
      kept = calibration
    },
  }
  const calibrations = new Calibrations(store, async () => 'this device')
  calibrations.keep(digitsManifest, source, () => curve)
  await calibrations.writeBack()
  expect(kept?.curves['wasm/fp32']).toEqual(curve.toJSON())
})

test('the lateness of the page counts once a batch in estimates, and ends with it', async () => {
  const page = await createPage()
  await callFromBlockedPage(page, 1)
  const { runMs } = page.scheduler.estimate(source, 1)
  expect(runMs).toBeGreaterThan(100)
  expect(page.scheduler.estimate(source, 1_000).runMs - runMs).toBeCloseTo(999 * msPerRow, 1)
  for (let count = 0; count < 40; count++) {
    page.ask(1_000)
    await new Promise(setImmediate)
    page.clock.advance(msPerRow)
    await new Promise(setImmediate)
  }
  expect(page.scheduler.estimate(source, 1).runMs).toBeLessThan(1)
})

test('one bad measurement does not keep batches small while requests wait', async () => {
  const bad = CostCurve.from([
    { rows: 1, ms: 800 },
    { rows: 64, ms: 5_000 },
  ])
  const page = await createPage(bad)
  const asked = await callFromBlockedPage(page, 1)
  expect(page.scheduler.stats().models[0]?.largestBatch).toBeGreaterThan(900)
  expect(page.fates.get('answered')).toBeGreaterThan(asked * 0.7)
})

test('drops no request for a cost that was measured a few times only', async () => {
  const page = await createPage(CostCurve.from([{ rows: 1, ms: 60_000 }]))
  for (let call = 0; call < 64; call++) page.ask(1_000)
  for (let step = 0; step < 20; step++) {
    await new Promise(setImmediate)
    page.clock.advance(5)
  }
  expect(page.fates).toEqual(new Map([['answered', 64]]))
})
