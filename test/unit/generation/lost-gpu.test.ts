import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../../../workers/host/lane-client/lane.ts'
import { SequenceScheduler } from '../../../workers/host/text/sequence-scheduler.ts'
import { DecoderGraph } from '../../../workers/lane/kv/decoder-graph.ts'
import { loadOrt } from '../../../workers/lane/node/load-ort.ts'
import type { DecoderSession } from '../../../workers/lane/runtime/ort.ts'
import type { TokenRequest } from '../../../workers/protocol/generation.ts'
import type { SequenceEvent, SequenceRequest } from '../../../workers/protocol/lane.ts'
import { deferred } from '../../support/deferred.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const spec = { context: 64, vocabulary: 100, stopTokens: [0], kv: { layers: 1, heads: 1, headDim: 1 } }
const lost = new SpillwayError('lane_lost', 'The lane ended: GPU device unknown: crashed')

describe('a failed decoding run', () => {
  /** A graph whose runs fail as ONNX Runtime's do, on a device that `reported` says is lost, or is not. */
  async function failingGraph(reported: Promise<string | undefined>): Promise<DecoderGraph> {
    const inputNames = ['input_ids', 'attention_mask', 'past_key_values.0.key', 'past_key_values.0.value']
    const session: DecoderSession = {
      inputNames,
      outputNames: ['logits', 'present.0.key', 'present.0.value'],
      outputMetadata: [],
      run: () => Promise.reject(new Error('failed to call OrtRun(). ERROR_CODE: 1')),
    }
    const ort = await loadOrt({ threads: 1 })
    return new DecoderGraph({ ...ort, lost: () => reported }, session, 1, spec.vocabulary)
  }
  const run = (graph: DecoderGraph) =>
    graph.run({ rows: [{ tokens: [5], before: 0, adapter: undefined }], past: [], logitsMode: 'all' })

  test('waits for the report that its device is lost, and becomes `lane_lost`', async () => {
    const report = deferred<string | undefined>()
    let settled = false
    const running = run(await failingGraph(report.promise)).finally(() => {
      settled = true
    })
    running.catch(() => undefined)
    await new Promise(setImmediate)
    expect(settled).toBe(false)
    report.resolve('GPU device unknown: crashed')
    await expect(running).rejects.toMatchObject({ code: 'lane_lost', message: lost.message })
  })

  test('becomes `run_failed` where the device still works', async () => {
    await expect(run(await failingGraph(Promise.resolve(undefined)))).rejects.toMatchObject({
      code: 'run_failed',
      message: expect.stringContaining('to decode 1 token of 1 sequence'),
    })
  })
})

describe('a generation', () => {
  /** The events that a lane reports of its sequences; an error ends the lane. */
  type Script = (added: readonly SequenceRequest[]) => readonly SequenceEvent[] | SpillwayError

  const refuse = () => Promise.reject(new SpillwayError('internal', 'This lane only decodes'))

  function laneOf(script: Script, started: SequenceRequest[][]): Lane {
    const added: SequenceRequest[] = []
    started.push(added)
    return {
      start: refuse,
      load: refuse,
      warmUp: refuse,
      run: refuse,
      unload: refuse,
      ping: refuse,
      lost: new Promise(() => {}),
      kill: () => {},
      cancelSequences: async () => {},
      addSequences: async (_session, requests) => {
        added.push(...requests)
      },
      takeEvents: async () => {
        await new Promise(setImmediate)
        const events = script(added)
        if (events instanceof SpillwayError) throw events
        return { events, load: { slots: 4, running: added.length, waiting: 0, kvUsage: 0 } }
      },
    }
  }

  /** A scheduler over lanes that follow the scripts, one lane after the other; and the sequences added to each. */
  const over = (...lanes: readonly Script[]) => overGpuUntil(Number.POSITIVE_INFINITY, ...lanes)

  /** The same, but from the lane of that number on, lanes are on the CPU. */
  function overGpuUntil(firstOnCpu: number, ...lanes: readonly Script[]) {
    const specOf = (lane: number) => {
      const backend = lane < firstOnCpu ? 'webgpu' : 'cpu'
      return { key: `scripted/${backend}`, backend, variant: 'fp32' } as const
    }
    const started: SequenceRequest[][] = []
    const left = [...lanes]
    const generator = new SequenceScheduler({
      session: 'scripted',
      spec,
      hasMoved: (session) => session !== specOf(started.length).key,
      lease: async () => ({
        spec: specOf(started.length),
        lane: laneOf(left.shift() ?? expect.fail('no lane is left'), started),
        release: () => {},
      }),
      executedOn: { backend: 'webgpu', variant: 'fp32' },
      slots: 4,
      maxWaiting: 10,
      clock: createManualClock(),
    })
    return { generator, started }
  }

  const request = (prompt: number): TokenRequest => ({
    prompt: [prompt],
    generated: 0,
    maxTokens: 3,
    stopTokens: [0],
    sampling: { temperature: 0 },
  })
  const eachOf = (added: readonly SequenceRequest[], event: Omit<SequenceEvent, 'id'>) =>
    added.map(({ id }) => ({ id, ...event }))

  const makesOneToken: Script = (added) => eachOf(added, { tokens: [{ token: 7 }] })
  const ends: Script = (added) => eachOf(added, { tokens: [], finish: 'stop' })
  const losesItsGpu: Script = () => lost
  /** One script after the other, one call each. */
  const inTurn = (...scripts: readonly Script[]): Script => {
    const left = [...scripts]
    return (added) => left.shift()?.(added) ?? []
  }

  test('continues from its last token, with the others, however many GPUs are lost', async () => {
    const crashes = Array.from({ length: 8 }, () => inTurn(makesOneToken, losesItsGpu))
    const { generator, started } = over(...crashes, ends)
    const texts = [request(1), request(2)].map((wanted) => generator.generate(wanted).result)
    expect((await Promise.all(texts)).map(({ finish }) => finish)).toEqual(['stop', 'stop'])
    const made = Array.from({ length: 9 }, (_, lane) => new Array<number>(lane).fill(7))
    expect(started.map((added) => added.map(({ request }) => request.prompt))).toEqual(
      made.map((tokens) => [
        [1, ...tokens],
        [2, ...tokens],
      ]),
    )
  })

  test('whose prompt was still being read runs alone after a loss, and is poisoned if it loses a second GPU alone', async () => {
    const { generator, started } = over(losesItsGpu, losesItsGpu, inTurn(makesOneToken, losesItsGpu), ends)
    const [first, second] = [request(1), request(2)].map((wanted) => generator.generate(wanted).result)
    await expect(first).rejects.toMatchObject({ code: 'poisoned' })
    // A sequence that has made a token is not suspected.
    expect((await second)?.finish).toBe('stop')
    expect(started.map((added) => added.map(({ request }) => request.prompt))).toEqual([
      [[1], [2]],
      [[1]],
      [[2]],
      [[2, 7]],
    ])
  })

  test('goes on where its model moves to, and is not blamed for the losses before', async () => {
    const { generator, started } = overGpuUntil(2, losesItsGpu, losesItsGpu, inTurn(makesOneToken, ends))
    for await (const _ of generator.generate(request(1)))
      expect(generator.executedOn).toMatchObject({ backend: 'cpu' })
    expect(started.map((added) => added.map(({ request }) => request.prompt))).toEqual([[[1]], [[1]], [[1]]])
  })

  test('returns from its last token when it is relocated', async () => {
    const { generator, started } = over(inTurn(makesOneToken), ends)
    const stream = generator.generate(request(1))
    for await (const _ of stream) generator.relocate()
    expect((await stream.result).finish).toBe('stop')
    expect(started.map((added) => added.map(({ request }) => request.prompt))).toEqual([[[1]], [[1, 7]]])
  })
})
