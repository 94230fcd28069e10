import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { LaneCounts } from '../../server/observability/lane-counts.ts'
import { type Lane, laneLimits } from '../../workers/host/lane-client/lane.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import {
  bytesPerRow,
  littleLane,
  tooManyRows,
  wideModel,
  wideTensors,
  withoutLimit,
} from '../support/little-memory.ts'
import { processLane } from '../support/process-lane.ts'
import { digitsManifest } from '../support/test-models.ts'

const manifest = { ...digitsManifest, ...wideTensors }
const wide: SessionSpec = {
  key: 'wide',
  manifest,
  backend: 'cpu',
  variant: 'fp32',
  memory: 2 ** 20,
  request: async () => ({
    session: 'wide',
    backend: 'cpu',
    source: { from: 'bytes', graph: wideModel().buffer, external: [] },
    ...wideTensors,
    batchAxis: 0,
  }),
}

const work = (rows: number, value = 0.5) => ({
  source: wide,
  rows,
  askedAt: systemClock.now(),
  inputs: { x: { type: 'float32', data: new Float32Array(rows).fill(value), shape: [rows, 1] } } as const,
})

let close = () => {}
afterEach(() => close())

function createScheduler(startLane: () => Lane) {
  const pool = new Pool({
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 40,
    clock: systemClock,
    startLane,
  })
  const scheduler = new Scheduler<SessionSpec>({
    lanes: pool,
    clock: systemClock,
    maxQueued: 100,
    targetMs: 60_000,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  close = () => {
    scheduler.close()
    pool.close()
  }
  return scheduler
}

describe.skipIf(withoutLimit)(
  `a process that runs out of memory${withoutLimit ? ` (skipped: ${withoutLimit})` : ''}`,
  () => {
    test('runs a batch that is too large as smaller ones, and remembers the size that fits', async () => {
      const runs: number[] = []
      const scheduler = createScheduler(() => littleLane((rows) => runs.push(rows)))
      // After one run the cost of a row is known, and the next requests share a batch.
      await scheduler.submit(work(1))
      const many = async () => {
        runs.length = 0
        const values = Array.from({ length: tooManyRows }, (_, index) => index / 4)
        const answers = await Promise.all(values.map((value) => scheduler.submit(work(1, value))))
        expect(answers.map(({ outputs }) => outputs.y?.data[0])).toEqual(values)
        return Math.max(...runs)
      }
      expect(await many()).toBe(tooManyRows)
      expect(await many()).toBeLessThan(tooManyRows)
    })
  },
)

describe('a process that grows beyond its limit', () => {
  const memoryBytes = 2 ** 28
  const large = memoryBytes / bytesPerRow + 1

  test('is ended, and its request is answered by another', async () => {
    const counts = new LaneCounts()
    const reasons: string[] = []
    const scheduler = createScheduler(() => {
      const isFirst = counts.starts === 0
      const settings = { memory: 'MEMORY' }
      const lane = processLane(systemClock, isFirst ? { ...laneLimits, memoryBytes, settings } : laneLimits)
      void lane.lost.then(({ message }) => reasons.push(message))
      return counts.watch(lane)
    })
    await scheduler.submit(work(1))
    expect(counts.starts).toBe(1)
    // Its memory is looked at twice a second, and a run may be shorter.
    do expect((await scheduler.submit(work(large, 2))).outputs.y?.data[0]).toBe(2)
    while (reasons.length === 0)
    await scheduler.submit(work(1))
    expect(counts).toMatchObject({ starts: 2, ends: { memory: 1, crash: 0 } })
    expect(reasons[0]).toMatch(
      /^The lane uses too much memory: expected at most 268435456 bytes, got \d+\. .*MEMORY/,
    )
  })
})
