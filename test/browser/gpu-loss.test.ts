import { afterEach, describe, expect, test } from 'vitest'
import { commands } from 'vitest/browser'
import graphUrl from '../../models/catalogue/digits/fp32/model.onnx?url'
import manifest from '../../models/catalogue/digits/manifest.json'
import { parseManifest } from '../../models/index.ts'
import { startWorkerLane } from '../../workers/browser/start.ts'
import { systemClock } from '../../workers/clock.ts'
import type { Lane } from '../../workers/lane/lane.ts'
import { Pool } from '../../workers/pool/pool.ts'
import { Scheduler } from '../../workers/scheduler/scheduler.ts'
import type { SessionSource } from '../../workers/scheduler/work.ts'

const digits = parseManifest(manifest, 'the catalogue')

const source: SessionSource = {
  key: 'digits',
  manifest: digits,
  backend: 'webgpu',
  variant: 'fp32',
  memory: 2 ** 20,
  request: async () => ({
    session: 'digits',
    backend: 'webgpu',
    source: { from: 'bytes', graph: await (await fetch(graphUrl)).arrayBuffer(), external: [] },
    inputs: digits.inputs,
    outputs: digits.outputs,
    batchAxis: 0,
  }),
}

const work = (rows: number) => ({
  source,
  rows,
  askedAt: systemClock.now(),
  inputs: {
    image: { type: 'float32', data: new Float32Array(rows * 784).fill(0.5), shape: [rows, 1, 28, 28] },
  } as const,
})

const lanes: Lane[] = []
const pool = new Pool({
  layouts: () => [{ lanes: 1, threads: 1 }],
  memoryBudget: 2 ** 30,
  clock: systemClock,
  startLane: (name) => {
    const lane = startWorkerLane(name, systemClock)
    lanes.push(lane)
    return lane
  },
})
const scheduler = new Scheduler({
  lanes: pool,
  clock: systemClock,
  maxQueued: 100,
  targetMs: 60_000,
  maxBatchBytes: 2 ** 28,
  afterTurn: (task) => queueMicrotask(task),
})

afterEach(() => {
  scheduler.close()
  pool.close()
})

describe('a GPU process that crashes', { timeout: 120_000 }, () => {
  test('costs no request: what was in flight and what waited is answered by a new lane', async () => {
    const before = await scheduler.submit(work(1))
    expect(lanes).toHaveLength(1)
    const inFlight = scheduler.submit(work(64))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const waiting = [1, 2, 3].map((rows) => scheduler.submit(work(rows)))
    await commands.crashGpu()
    const answers = await Promise.all([inFlight, ...waiting])
    expect(answers.map(({ outputs }) => outputs.logits?.shape[0])).toEqual([64, 1, 2, 3])
    for (const { outputs, ranOn } of answers) {
      expect(ranOn.backend).toBe('webgpu')
      for (let label = 0; label < 10; label++) {
        expect(outputs.logits?.data[label]).toBeCloseTo(Number(before.outputs.logits?.data[label]), 3)
      }
    }
    expect(lanes.length).toBeGreaterThan(1)
    expect((await lanes[0]?.gone)?.message).toContain('GPU device')
  })
})
