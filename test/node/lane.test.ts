import { describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { type LaneLimits, laneLimits } from '../../workers/host/lane-client/lane.ts'
import { laneContract } from '../contract/lane.ts'
import { ints } from '../support/attention.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { digitsGraph, processLane } from '../support/process-lane.ts'
import { digitsManifest } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

/** A graph that multiplies a matrix of 1,024 rows so many times. */
function slowGraph(times: number): ArrayBuffer {
  const nodes = Array.from({ length: times }, (_, at) => ({
    op: 'MatMul',
    inputs: [`m${at}`, 'm0'],
    outputs: [`m${at + 1}`],
  }))
  const bytes = encode(
    modelProto({
      nodes: [
        { op: 'Expand', inputs: ['x', 'square'], outputs: ['m0'] },
        ...nodes,
        { op: 'Slice', inputs: [`m${times}`, 'from', 'to'], outputs: ['corner'] },
        { op: 'Reshape', inputs: ['corner', 'flat'], outputs: ['y'] },
      ],
      inputs: [value('x', [1])],
      outputs: [value('y', [1])],
      tensors: [ints('square', [1_024, 1_024]), ints('from', [0, 0]), ints('to', [1, 1]), ints('flat', [1])],
    }),
  )
  return new Uint8Array(bytes).buffer
}

laneContract('A server process', {
  start: () => processLane(systemClock),
  manifest: digitsManifest,
  graph: digitsGraph,
  backends: ['cpu'],
  timeoutMs: 30_000,
})

describe('a server process', () => {
  test('reports the backends of its runtime, and the signal that ended it', async () => {
    const lane = processLane(systemClock)
    const { runtime, backends } = await lane.start({ threads: 1 })
    expect(runtime).toMatch(/^1\.\d+/)
    expect(backends).toContain('cpu')
    process.kill(lane.pid ?? 0, 'SIGKILL')
    expect((await lane.lost).message).toContain('killed by SIGKILL')
  })

  test('is killed by the watchdog when it does not answer, and its calls are settled', async () => {
    const clock = createManualClock()
    const lane = processLane(clock, { ...laneLimits, startMs: 1_000 })
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const started = lane.start({ threads: 1 })
    clock.advance(999)
    clock.advance(1)
    await expect(started).rejects.toMatchObject({
      code: 'lane_lost',
      message: expect.stringContaining('within 1000 ms'),
    })
    await expect(lane.lost).resolves.toMatchObject({ code: 'lane_lost' })
  })

  const loaded = async (limits: Partial<LaneLimits>, graph: ArrayBuffer, names: string) => {
    const clock = createManualClock()
    const lane = processLane(clock, { ...laneLimits, ...limits })
    await lane.start({ threads: 1 })
    const [input = '', output = ''] = names.split(' ')
    await lane.load({
      session: 'model',
      backend: 'cpu',
      source: { from: 'bytes', graph, external: [] },
      inputs: [{ name: input, type: 'float32', shape: [1] }],
      outputs: [{ name: output, type: 'float32', shape: [1] }],
      batchAxis: null,
    })
    return { clock, lane, batch: () => ({ session: 'model', inputs: { [input]: one() } }) }
  }
  const one = (): Tensor => ({ type: 'float32', data: new Float32Array(1), shape: [1] })
  const turn = () => new Promise(setImmediate)

  test('may compute as long as its caller waits', async () => {
    const { clock, lane, batch } = await loaded({}, slowGraph(1), 'x y')
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const answer = lane.run(batch(), 400_000)
    clock.advance(399_999)
    process.kill(lane.pid ?? 0, 'SIGCONT')
    expect((await answer).outputs.y?.shape).toEqual([1])
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const late = lane.run(batch(), 400_000)
    clock.advance(400_000)
    await expect(late).rejects.toMatchObject({ code: 'lane_lost' })
  })

  test('is replaced in seconds when it hangs, however long its caller waits', async () => {
    const { clock, lane, batch } = await loaded({ hungMs: 1_000 }, slowGraph(1), 'x y')
    // Beside the limits of calls the first sign of life has been seen, and the next is waited for.
    await expect.poll(() => clock.waiting).toBe(2)
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const answer = lane.run(batch(), 400_000).catch((error: unknown) => error)
    // Signs that were sent before it stopped may still arrive.
    for (let times = 0; times < 40; times++) {
      clock.advance(100)
      await turn()
    }
    expect(await answer).toMatchObject({ code: 'lane_lost', message: expect.stringContaining('hung') })
  })

  test('that computes is not taken for one that hangs', async () => {
    const lane = processLane(systemClock, { ...laneLimits, hungMs: 1_000 })
    await lane.start({ threads: 1 })
    await lane.load({
      session: 'slow',
      backend: 'cpu',
      source: { from: 'bytes', graph: slowGraph(150), external: [] },
      inputs: [{ name: 'x', type: 'float32', shape: [1] }],
      outputs: [{ name: 'y', type: 'float32', shape: [1] }],
      batchAxis: null,
    })
    const { computeMs } = await lane.run({ session: 'slow', inputs: { x: one() } })
    // Else the test would say nothing.
    expect(computeMs).toBeGreaterThan(1_500)
    lane.kill(new SpillwayError('closed', 'The test is over'))
  })
})
