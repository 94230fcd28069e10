import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { littleLane, tooManyRows, wideModel, wideTensors, withoutLimit } from '../support/little-memory.ts'
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

describe.skipIf(withoutLimit)(
  `a process that runs out of memory${withoutLimit ? ` (skipped: ${withoutLimit})` : ''}`,
  () => {
    let close = () => {}
    afterEach(() => close())

    function createScheduler() {
      const runs: number[] = []
      const pool = new Pool({
        layouts: () => [{ lanes: 1, threads: 1 }],
        memoryBudget: 2 ** 40,
        clock: systemClock,
        startLane: () => littleLane((rows) => runs.push(rows)),
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
      return { scheduler, runs }
    }

    test('runs a batch that is too large as smaller ones, and remembers the size that fits', async () => {
      const { scheduler, runs } = createScheduler()
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
