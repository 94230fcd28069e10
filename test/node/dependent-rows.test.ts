import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec, Work } from '../../workers/host/scheduler/work.ts'
import { processLane } from '../support/process-lane.ts'
import { type SmallGraph, smallGraphs, smallManifest } from '../support/small-models.ts'
import { emptyFolder } from '../support/test-models.ts'

const opened: { close(): void }[] = []

afterEach(() => {
  for (const closable of opened.splice(0)) closable.close()
})

function createScheduler() {
  const pool = new Pool({
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 30,
    clock: systemClock,
    startLane: () => processLane(systemClock),
  })
  const scheduler = new Scheduler<SessionSpec>({
    lanes: pool,
    clock: systemClock,
    maxQueued: 100,
    targetMs: 10_000,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  opened.push(scheduler, pool)
  return scheduler
}

function sourceOf(
  graph: SmallGraph,
  width: number,
  mustProve = false,
  manifest = smallManifest(graph, width),
): SessionSpec {
  return {
    key: graph,
    manifest,
    backend: 'cpu',
    variant: 'fp32',
    memory: 2 ** 20,
    request: async () => ({
      session: graph,
      backend: 'cpu',
      source: { from: 'bytes', graph: smallGraphs[graph].slice().buffer, external: [] },
      inputs: manifest.inputs,
      outputs: manifest.outputs,
      batchAxis: 0,
      needsRowProof: mustProve,
    }),
  }
}

const work = (source: SessionSpec, rows: readonly (readonly number[])[]): Work<SessionSpec> => ({
  source,
  rows: rows.length,
  askedAt: performance.now(),
  inputs: {
    x: { type: 'float32', data: Float32Array.from(rows.flat()), shape: [rows.length, rows[0]?.length ?? 0] },
  },
})

const requests = (width: number) =>
  [[0.5], [1000, -1000], [3], [4, 5, 7]].map((values) =>
    values.map((one) => Array.from({ length: width }, (_, at) => one + at / 2)),
  )

/** Each request gets the same answer alone and together with others, in a run of its own. */
async function runsAlone(source: SessionSpec, width: number): Promise<void> {
  const scheduler = createScheduler()
  const alone = []
  for (const rows of requests(width)) alone.push((await scheduler.submit(work(source, rows))).outputs)
  for (let round = 0; round < 2; round++) {
    const together = await Promise.all(requests(width).map((rows) => scheduler.submit(work(source, rows))))
    expect(together.map(({ outputs }) => outputs)).toEqual(alone)
    expect(together.map(({ batchRows }) => batchRows)).toEqual([1, 2, 1, 3])
  }
  expect(scheduler.size + scheduler.pending).toBe(0)
}

describe('over a real lane', () => {
  test('an output without the rows of its batch is never cut: its requests run alone, as later ones do', async () => {
    await runsAlone(sourceOf('padsRows', 3), 3)
  })

  test.each<[SmallGraph, number]>([
    ['shareOfMax', 3],
    ['timeMajor', 3],
    ['softmaxOverRows', 1],
    ['padsRows', 3],
    ['dynamicInt8', 2],
  ])('rows of %s share no run where the lane has to prove first that they may', async (graph, width) => {
    await runsAlone(sourceOf(graph, width, true), width)
  })

  test.each(['bytes', 'file'] as const)(
    'rows of a model that rounds by their range share no run, even where runs do not show it, from %s',
    async (from) => {
      const source = sourceOf('slightlyDynamicInt8', 2, true)
      const path = join(await emptyFolder(), 'model.onnx')
      writeFileSync(path, smallGraphs.slightlyDynamicInt8)
      const request = async () => ({
        ...(await source.request()),
        ...(from === 'file' && { source: { from, path } }),
      })
      await runsAlone({ ...source, request }, 2)
    },
  )

  test.each([false, true])(
    'independent rows share a run, those that had to be proven (%s), too',
    async (mustProve) => {
      const scheduler = createScheduler()
      const source = sourceOf('twice', 3, mustProve)
      const answers = await Promise.all(requests(3).map((rows) => scheduler.submit(work(source, rows))))
      expect(answers.map(({ batchRows }) => batchRows)).toEqual([7, 7, 7, 7])
    },
  )

  test('a model that refuses zeros loads, and its rows are proven without zeros', async () => {
    const scheduler = createScheduler()
    const spec = (name: string) => ({ name, type: 'int64' as const, shape: [-1] })
    const manifest = { ...smallManifest('divides', 1), inputs: [spec('a'), spec('b')], outputs: [spec('c')] }
    const source = sourceOf('divides', 1, true, manifest)
    const ask = (a: number, b: number) =>
      scheduler.submit({ source, rows: 1, askedAt: performance.now(), inputs: { a: int(a), b: int(b) } })
    const int = (value: number) =>
      ({ type: 'int64', data: BigInt64Array.of(BigInt(value)), shape: [1] }) as const
    const answers = await Promise.all([ask(8, 2), ask(9, 3)])
    expect(answers.map(({ outputs, batchRows }) => [outputs.c?.data[0], batchRows])).toEqual([
      [4n, 2],
      [3n, 2],
    ])
  })
})
