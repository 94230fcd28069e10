import { describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { type LaneLimits, laneLimits } from '../../workers/host/lane-client/lane.ts'
import { laneContract } from '../contract/lane.ts'
import { ints } from '../support/attention.ts'
import { slowGraph } from '../support/fatal-models.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { digitsGraph, processLane } from '../support/process-lane.ts'
import { digitsManifest } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const buffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

/** A graph for inputs of so many elements. */
const reshapes = (elements: number) =>
  buffer(
    encode(
      modelProto({
        nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
        inputs: [value('x', ['any'])],
        outputs: [value('y', [elements])],
        tensors: [ints('shape', [elements])],
      }),
    ),
  )

/** Of inputs that are freed once their run was answered. */
const elements = 200_000

/** A graph of one node, which changes no value. */
const through = (op: string, inputs: string[], output: string) =>
  modelProto({
    nodes: [{ op, inputs, outputs: [output] }],
    inputs: [value('x', ['N'])],
    outputs: [value(output, ['M'])],
    tensors: [ints('shape', [elements])],
  })

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

  const loaded = async (limits: Partial<LaneLimits>, graph: ArrayBuffer, names: string, size = -1) => {
    const clock = createManualClock()
    const lane = processLane(clock, { ...laneLimits, ...limits })
    await lane.start({ threads: 1 })
    const [input = '', output = ''] = names.split(' ')
    await lane.load({
      session: 'model',
      backend: 'cpu',
      source: { from: 'bytes', graph, external: [] },
      inputs: [{ name: input, type: 'float32', shape: [size] }],
      outputs: [{ name: output, type: 'float32', shape: [-1] }],
      batchAxis: null,
    })
    return { clock, lane, batch: () => ({ session: 'model', inputs: { [input]: one() } }) }
  }
  const one = (): Tensor => ({ type: 'float32', data: new Float32Array(1), shape: [1] })
  const turn = () => new Promise(setImmediate)

  test.each([
    ['copy', encode(through('Identity', ['x'], 'y')), 'x y'],
    ['reshape', encode(through('Reshape', ['x', 'shape'], 'y')), 'x y'],
    [
      'are',
      encode(modelProto({ nodes: [], inputs: [value('x', ['N'])], outputs: [value('x', ['N'])] })),
      'x x',
    ],
  ])('frees large inputs and answers outputs that %s them', async (_what, graph, names) => {
    const { lane } = await loaded({}, buffer(graph), names)
    const [input = '', output = ''] = names.split(' ')
    const runs = Array.from({ length: 6 }, (_, run) => {
      const data = Float32Array.from({ length: elements }, (_, index) => index + run)
      return {
        data,
        answer: lane.run({
          session: 'model',
          inputs: { [input]: { type: 'float32', data, shape: [elements] } },
        }),
      }
    })
    for (const { data, answer } of runs) {
      const answered = (await answer).outputs[output]?.data
      expect(answered instanceof Float32Array && answered.every((one, index) => one === data[index])).toBe(
        true,
      )
    }
    lane.kill(new SpillwayError('closed', 'The test is over'))
  })

  test('may compute as long as its caller waits', async () => {
    const { clock, lane, batch } = await loaded({}, buffer(slowGraph(1)), 'x y')
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const answer = lane.run(batch(), 400_000)
    clock.advance(399_999)
    process.kill(lane.pid ?? 0, 'SIGCONT')
    expect((await answer).outputs.y?.shape).toEqual([1])
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const late = lane.run(batch(), 400_000)
    clock.advance(400_000)
    await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' })
    await expect(lane.lost).resolves.toMatchObject({ code: 'lane_lost' })
  })

  test('may compute as long as the caller that waits longest', async () => {
    const { clock, lane, batch } = await loaded({}, buffer(slowGraph(1)), 'x y')
    const compute = async (withinMs: number, ms: number) => {
      process.kill(lane.pid ?? 0, 'SIGSTOP')
      // One caller has no deadline.
      const answer = lane.run({ ...batch(), isShared: true }, withinMs, true)
      clock.advance(ms)
      process.kill(lane.pid ?? 0, 'SIGCONT')
      return (await answer).outputs.y?.shape
    }
    expect(await compute(400_000, 399_999)).toEqual([1])
    expect(await compute(1_000, laneLimits.runMs - 1)).toEqual([1])
    await expect(compute(1_000, laneLimits.runMs)).rejects.toMatchObject({ code: 'lane_lost' })
  })

  test('is not blamed for the time in which its host stood still', async () => {
    const { clock, lane, batch } = await loaded({}, buffer(slowGraph(1)), 'x y')
    const answer = lane.run(batch())
    clock.advance(laneLimits.runMs + 30_000)
    expect((await answer).outputs.y?.shape).toEqual([1])
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const late = lane.run(batch())
    clock.advance(laneLimits.runMs + 30_000)
    clock.advance(1_000)
    await expect(late).rejects.toMatchObject({ code: 'run_failed' })
  })

  test('ends at the bound of a run that several requests share, and each of them may run again', async () => {
    const { clock, lane, batch } = await loaded({}, buffer(slowGraph(1)), 'x y')
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const late = lane.run({ ...batch(), isShared: true })
    clock.advance(laneLimits.runMs)
    await expect(late).rejects.toMatchObject({ code: 'lane_lost' })
  })

  test('warms up a model of open sizes with sizes of one, and says where it refuses them', async () => {
    const { lane } = await loaded({}, reshapes(1), 'x y')
    expect(await lane.warmUp('model')).toEqual({ warmUpMs: expect.any(Number) })
    const other = await loaded({}, reshapes(2), 'x y')
    expect(await other.lane.warmUp('model')).toMatchObject({ fault: expect.stringContaining('Reshape') })
    for (const one of [lane, other.lane]) one.kill(new SpillwayError('closed', 'The test is over'))
  })

  test('keeps a model whose sizes no array can have, and says so', async () => {
    const { lane } = await loaded({}, reshapes(1), 'x y', 2 ** 40)
    expect(await lane.warmUp('model')).toMatchObject({ fault: expect.stringContaining('array length') })
    lane.kill(new SpillwayError('closed', 'The test is over'))
  })

  test('is replaced in seconds when it hangs, however long its caller waits', async () => {
    const { clock, lane, batch } = await loaded({ hungMs: 1_000 }, buffer(slowGraph(1)), 'x y')
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

  test('is replaced when it hangs before its first sign of life', async () => {
    const clock = createManualClock()
    const lane = processLane(clock, { ...laneLimits, hungMs: 1_000 })
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const started = lane.start({ threads: 1 }).catch((error: unknown) => error)
    for (let times = 0; times < 40; times++) {
      clock.advance(100)
      await turn()
    }
    expect(await started).toMatchObject({ code: 'lane_lost', message: expect.stringContaining('hung') })
  })

  test('that computes is not taken for one that hangs', async () => {
    const lane = processLane(systemClock, { ...laneLimits, hungMs: 1_000 })
    await lane.start({ threads: 1 })
    await lane.load({
      session: 'slow',
      backend: 'cpu',
      source: { from: 'bytes', graph: buffer(slowGraph(150)), external: [] },
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
