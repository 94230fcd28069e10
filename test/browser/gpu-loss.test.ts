import { afterEach, expect, test } from 'vitest'
import { commands } from 'vitest/browser'
import { systemClock } from '../../models/async/clock.ts'
import graphUrl from '../../models/catalogue/digits/fp32/model.onnx?url'
import manifest from '../../models/catalogue/digits/manifest.json'
import { parseManifest, type SpillwayError } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec, WaitOptions } from '../../workers/host/scheduler/work.ts'

const digits = parseManifest(manifest, 'the catalogue')

const source: SessionSpec = {
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

const work = (rows: number, value = 0.5) => ({
  source,
  rows,
  askedAt: systemClock.now(),
  inputs: {
    image: { type: 'float32', data: new Float32Array(rows * 784).fill(value), shape: [rows, 1, 28, 28] },
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
  maxQueued: 1_000,
  targetMs: 60_000,
  maxBatchBytes: 2 ** 28,
  afterTurn: (task) => queueMicrotask(task),
})

afterEach(() => {
  scheduler.close()
  pool.close()
})

/** Logits of so many equal images, computed on the GPU. */
async function ask(rows: number, value: number, wait?: WaitOptions): Promise<number[]> {
  const { outputs, executedOn } = await scheduler.submit(work(rows, value), wait)
  expect(executedOn.backend).toBe('webgpu')
  return Array.from<unknown, number>(outputs.logits?.data ?? [], Number)
}

// Only one crash in each browser: after a second one, Chromium provides no adapter.
test('a crash of the GPU process costs no request, in flight or arriving, aborted or with a deadline', {
  timeout: 120_000,
}, async () => {
  const values = [0, 0.25, 0.5, 1]
  const expected = new Map<number, number[]>()
  for (const value of values) expected.set(value, await ask(1, value))
  // On a busy machine the first lane may exceed the limit of a warm-up, and is replaced.
  const before = lanes.length

  const send = (index: number) => {
    const value = values[index % values.length] ?? 0
    const rows = index === 60 ? 64 : 1 + (index % 3)
    const controller = new AbortController()
    if (index % 7 === 3) setTimeout(() => controller.abort(), index % 50)
    const deadlineMs = index % 11 === 5 ? 1 + index : undefined
    return ask(rows, value, { signal: controller.signal, deadlineMs }).then(
      (logits) =>
        logits.length === rows * 10 &&
        logits.every((logit, at) => Math.abs(logit - (expected.get(value)?.[at % 10] ?? 0)) < 1e-2)
          ? 'answered'
          : 'a wrong answer',
      ({ code }: SpillwayError) => code,
    )
  }
  const outcomes: Promise<string>[] = []
  for (let index = 0; index < 120; index++) {
    outcomes.push(send(index))
    if (index % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 20))
    if (index === 70) await commands.crashGpu()
  }
  for (const [index, got] of (await Promise.all(outcomes)).entries()) {
    const allowed = ['answered']
    if (index % 7 === 3) allowed.push('aborted')
    if (index % 11 === 5) allowed.push('deadline_exceeded')
    expect(allowed, `request ${index}`).toContain(got)
  }
  expect(scheduler.size + scheduler.pending).toBe(0)
  expect(lanes.length).toBeGreaterThan(before)
  expect((await lanes[before - 1]?.lost)?.message).toContain('GPU device')
})
