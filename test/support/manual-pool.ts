import { SpillwayError } from '../../models/core/index.ts'
import { layoutsFor } from '../../workers/host/pool/lane-layout.ts'
import { Pool, type PoolOptions } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { createManualClock } from './manual-clock.ts'
import { createManualLanes, type Machine } from './manual-lanes.ts'
import { digitsManifest } from './test-models.ts'

const machine: Machine = { cores: 4, msPerRow: 5, startMs: 100, loadMs: 100 }

/** A pool and a scheduler over manual lanes, on a clock that a test advances. */
export function createManualPool(change: Partial<Machine> = {}, options: Partial<PoolOptions> = {}) {
  const clock = createManualClock()
  const { lanes, startLane } = createManualLanes(clock, { ...machine, ...change })
  const pool = new Pool({
    layouts: () => layoutsFor({ cores: 4, maxThreads: 1, maxLanes: 4 }),
    memoryBudget: 1_000,
    startLane,
    clock,
    ...options,
  })
  const scheduler = new Scheduler({
    lanes: pool,
    clock,
    maxQueued: 10_000,
    targetMs: 40,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  const pass = async (ms: number) => {
    for (const until = clock.now() + ms; clock.now() < until; clock.advance(5)) await settled()
  }
  const ask = (source: SessionSpec, rows = 1) =>
    scheduler
      .submit({
        source,
        rows,
        askedAt: clock.now(),
        inputs: { image: { type: 'float32', data: new Float32Array(rows * 784), shape: [rows, 1, 28, 28] } },
      })
      .then(
        () => 'answered',
        (error) => (error instanceof SpillwayError ? error.code : String(error)),
      )
  /** Callers that each submit the next request as soon as the last one is answered. */
  const load = async (source: SessionSpec, callers: number, ms: number) => {
    const until = clock.now() + ms
    const outcomes: string[] = []
    const call = async () => {
      while (clock.now() < until) outcomes.push(await ask(source))
    }
    const calling = Promise.all(Array.from({ length: callers }, call))
    await pass(ms + 5_000)
    await calling
    return outcomes
  }
  return {
    clock,
    lanes,
    pool,
    scheduler,
    ask,
    load,
    pass,
    alive: () => lanes.filter(({ isAlive }) => isAlive),
  }
}

const settled = async () => {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

export const modelSpec = (id: string, memory = 100): SessionSpec => ({
  key: id,
  manifest: { ...digitsManifest, id },
  backend: 'cpu',
  variant: 'fp32',
  memory,
  request: async () => ({
    session: id,
    backend: 'cpu',
    source: { from: 'file', path: id },
    inputs: [],
    outputs: [],
    batchAxis: 0,
  }),
})
