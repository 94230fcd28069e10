import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-node'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { CheckedInputs, Manifest } from '../../models/core/index.ts'
import { StatefulSession } from '../../web/api/session.ts'
import type { PlacementOptions } from '../../web/placement/placement-resolver.ts'
import type { ProcessLane } from '../../workers/host/lane-client/node/start-process-lane.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { processLane } from '../support/process-lane.ts'
import {
  detectPlainly,
  eightSequences,
  framesOf,
  largestDifference,
  readSpeech,
  vadFile,
  vadManifest,
} from '../support/speech.ts'
import { digitsManifest, withoutTestModels } from '../support/test-models.ts'

const vad: Manifest = { ...digitsManifest, ...vadManifest }

const sourceOf = (manifest: Manifest): SessionSpec => ({
  key: manifest.id,
  manifest,
  backend: 'cpu',
  variant: 'fp32',
  memory: 2 ** 22,
  request: async () => {
    const { inputs, outputs, batchAxis } = manifest
    const graph = new Uint8Array(readFileSync(vadFile())).buffer
    const source = { from: 'bytes', graph, external: [] } as const
    return { session: manifest.id, backend: 'cpu', source, inputs, outputs, batchAxis }
  },
})

const opened: { close(): void }[] = []
afterEach(() => {
  for (const closable of opened.splice(0)) closable.close()
})

/** Sessions over a pool of real lanes, with the lanes that were started and the rows of each run. */
async function createSessions(lanes: number, manifest = vad) {
  const started: ProcessLane[] = []
  const startLane = () => {
    const lane = processLane(systemClock)
    started.push(lane)
    return lane
  }
  const pool = new Pool({
    layouts: () => [{ lanes, threads: 1 }],
    memoryBudget: 2 ** 30,
    clock: systemClock,
    startLane,
  })
  const scheduler = new Scheduler<SessionSpec>({
    lanes: pool,
    clock: systemClock,
    maxQueued: 1_000,
    targetMs: 1_000,
    maxBatchBytes: 2 ** 28,
    afterTurn: (task) => queueMicrotask(task),
  })
  opened.push(scheduler, pool)
  const source = sourceOf(manifest)
  await scheduler.prepare(source)
  const batches: number[] = []
  const runOnce = async ({ tensors, rows }: CheckedInputs, options: PlacementOptions) => {
    const work = { source, inputs: tensors, rows, askedAt: systemClock.now() }
    const { outputs, queueMs, computeMs, batchRows } = await scheduler.submit(work, options)
    batches.push(batchRows)
    const placement = {
      tier: 'server',
      backend: 'cpu',
      variant: 'fp32',
      reason: 'policy',
      explanation: '',
    } as const
    return { outputs, placement, timings: { totalMs: queueMs + computeMs, queueMs, computeMs } }
  }
  return { open: () => new StatefulSession(manifest, runOnce, systemClock), started, batches }
}

async function probabilities(session: StatefulSession, frames: readonly Float32Array[]): Promise<number[]> {
  const answers = await Promise.all(frames.map((input) => session.run({ input }, { policy: 'server' })))
  return answers.map(({ outputs }) => Number(outputs.output?.data[0]))
}

const directly = (frames: readonly Float32Array[]) => detectPlainly(ort, frames)

const why = withoutTestModels === undefined ? '' : ` (skipped: ${withoutTestModels})`

describe.skipIf(withoutTestModels !== undefined)(`sessions over real lanes${why}`, () => {
  test('find the speech in a recording, as onnxruntime-node alone does', async () => {
    const { open } = await createSessions(1)
    const frames = framesOf(readSpeech(), 0, 500)
    const found = await probabilities(open(), frames)
    expect(largestDifference(found, await directly(frames))).toBeLessThanOrEqual(1e-5)
    const speech = found.filter((probability) => probability > 0.5).length
    expect(speech).toBeGreaterThan(300)
    expect(speech).toBeLessThan(450)
  })

  test('share runs, and each finds what it finds alone', async () => {
    const { open, batches } = await createSessions(2)
    const all = eightSequences(40)
    const together = await Promise.all(all.map((frames) => probabilities(open(), frames)))
    expect(batches.filter((rows) => rows > 1).length).toBeGreaterThan(batches.length / 2)
    expect(Math.max(...batches)).toBeLessThanOrEqual(8)
    for (const [index, frames] of all.entries())
      expect(largestDifference(together[index] ?? [], await directly(frames))).toBeLessThanOrEqual(1e-5)
  })

  test('survive killed lanes with the same probabilities, none missing', async () => {
    const { open, started } = await createSessions(2)
    const all = eightSequences(60)
    let answered = 0
    const together = await Promise.all(
      all.map(async (frames) => {
        const session = open()
        const found: number[] = []
        for (const input of frames) {
          const { outputs } = await session.run({ input }, { policy: 'server' })
          found.push(Number(outputs.output?.data[0]))
          // Kills two lanes, one in the first half of the sequences and one in the second.
          if (++answered === 100 || answered === 300) {
            const lane = started.at(answered === 100 ? 0 : -1)
            process.kill(lane?.pid ?? 0, 'SIGKILL')
            await lane?.lost
          }
        }
        return found
      }),
    )
    expect(started.length).toBeGreaterThan(2)
    for (const [index, frames] of all.entries())
      expect(largestDifference(together[index] ?? [], await directly(frames))).toBeLessThanOrEqual(1e-5)
  })

  test('keep their state when a run fails', async () => {
    const anyLength = vad.inputs.map((spec) => (spec.name === 'input' ? { ...spec, shape: [-1, -1] } : spec))
    const { open } = await createSessions(1, { ...vad, inputs: anyLength })
    const session = open()
    const frames = framesOf(readSpeech(), 0, 20)
    const first = await probabilities(session, frames.slice(0, 10))
    // The graph cannot compute a spectrum of ten samples.
    const outcome = await session
      .run({ input: new Float32Array(10) }, { policy: 'server' })
      .catch((error) => error.code)
    expect(outcome).toBe('run_failed')
    const second = await probabilities(session, frames.slice(10))
    expect(largestDifference([...first, ...second], await directly(frames))).toBeLessThanOrEqual(1e-5)
  })
})
