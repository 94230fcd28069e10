import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { Inference, InferenceAnswer } from '../../server/inference/inference.ts'
import type { RequestWait } from '../../server/inference/request-wait.ts'
import type { ProcessLane } from '../../workers/host/lane-client/node/start-process-lane.ts'
import { createCpuInference } from '../support/cpu-inference.ts'
import { processLane } from '../support/process-lane.ts'
import { digitsFolder, digitsManifest } from '../support/test-models.ts'

const entry = { manifest: digitsManifest, folder: digitsFolder }

/** Runs of a row before each test. */
const measured = 4

/** Rows that take several runs, however fast the machine is. */
const long = 8_192

const started: ProcessLane[] = []
let inference: Inference
afterEach(() => {
  inference.close()
  started.length = 0
})

/** A server's inference that has measured runs of a row. */
async function start(): Promise<void> {
  inference = createCpuInference({
    startLane: () => {
      const lane = processLane(systemClock)
      started.push(lane)
      return lane
    },
  })
  for (let count = 0; count < measured; count++) await run(0, 1)
}

/** Grey values that differ from row to row. */
const pixels = Float32Array.from({ length: long * 784 }, (_, at) => ((at * 7_919) % 1_009) / 1_009)

const run = (from: number, rows: number, wait: RequestWait = {}): Promise<InferenceAnswer> => {
  const data = pixels.slice(from * 784, (from + rows) * 784)
  return inference.run(
    entry,
    { tensors: { image: { type: 'float32', data, shape: [rows, 1, 28, 28] } }, rows },
    wait,
  )
}

const logitsOf = ({ outputs }: InferenceAnswer): number[] => [...(outputs.logits?.data ?? [])].map(Number)
const runs = () => inference.stats().models[0]?.batches ?? 0
/** Until so many parts have run, and more wait. */
const untilRun = async (parts: number) => {
  await expect.poll(runs, { interval: 1, timeout: 10_000 }).toBeGreaterThanOrEqual(measured + parts)
  expect(inference.stats().queued).toBe(1)
}

/** Whether the rows are those of runs of a few rows each. */
async function expectRows(answer: InferenceAnswer): Promise<void> {
  expect(answer.outputs.logits?.shape).toEqual([long, 10])
  const logits = logitsOf(answer)
  // Some lie on both sides of a cut, wherever that is.
  for (const from of [0, 5, 60, 500, 2_000, 4_090, long - 8]) {
    const alone = logitsOf(await run(from, 8))
    const differences = alone.map((logit, at) => Math.abs(logit - Number(logits[from * 10 + at])))
    expect(Math.max(...differences)).toBeLessThan(1e-3)
  }
}

describe('a request of thousands of rows', () => {
  test('runs in parts, between which another caller is answered', async () => {
    await start()
    const order: string[] = []
    const large = run(0, long, { caller: 'large' }).finally(() => order.push('large'))
    await untilRun(2)
    await run(0, 1, { caller: 'small' }).finally(() => order.push('small'))
    const answer = await large
    expect(order).toEqual(['small', 'large'])
    expect(answer.runs).toBeGreaterThan(2)
    const counts = inference.runCounts(entry)
    expect([counts.successes, runs()]).toEqual([measured + 2, measured + 1 + (answer.runs ?? 0)])
    expect(inference.stats().models[0]).toMatchObject({ requests: measured + 2, queued: 0 })
    await expectRows(answer)
  })

  test('runs no further once its caller has left', async () => {
    await start()
    const controller = new AbortController()
    const large = run(0, long, { caller: 'large', signal: controller.signal })
    await untilRun(1)
    controller.abort()
    await expect(large).rejects.toMatchObject({ code: 'aborted' })
    const rows = () => inference.stats().models[0]?.rows ?? 0
    await run(0, 1, { caller: 'small' })
    expect(inference.stats()).toMatchObject({ queued: 0, running: 0 })
    expect(rows()).toBeLessThan(long)
  })

  test('is answered where its lane is killed between two parts', async () => {
    await start()
    const large = run(0, long, { caller: 'large' })
    await untilRun(2)
    process.kill(started[0]?.pid ?? 0, 'SIGKILL')
    await expectRows(await large)
    expect(started).toHaveLength(2)
  })
})
