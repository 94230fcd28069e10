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

describe('a decoding run that fails', () => {
  /** A graph whose runs fail as ONNX Runtime's do, on a device of which `told` says whether it is lost. */
  async function failingGraph(told: Promise<string | undefined>): Promise<DecoderGraph> {
    const inputNames = ['input_ids', 'attention_mask', 'past_key_values.0.key', 'past_key_values.0.value']
    const session: DecoderSession = {
      inputNames,
      outputNames: ['logits', 'present.0.key', 'present.0.value'],
      outputMetadata: [],
      run: () => Promise.reject(new Error('failed to call OrtRun(). ERROR_CODE: 1')),
    }
    const ort = await loadOrt({ threads: 1 })
    return new DecoderGraph({ ...ort, lost: () => told }, session, 1, spec.vocabulary)
  }
  const run = (graph: DecoderGraph) =>
    graph.run({ rows: [{ tokens: [5], before: 0 }], past: [], logitsMode: 'all' })

  test('waits for the word that its device is lost, and is nobody’s fault then', async () => {
    const told = deferred<string | undefined>()
    let settled = false
    const running = run(await failingGraph(told.promise)).finally(() => {
      settled = true
    })
    running.catch(() => undefined)
    await new Promise(setImmediate)
    expect(settled).toBe(false)
    told.resolve('GPU device unknown: crashed')
    await expect(running).rejects.toMatchObject({ code: 'lane_lost', message: lost.message })
  })

  test('is the run’s own fault where the device is still there', async () => {
    await expect(run(await failingGraph(Promise.resolve(undefined)))).rejects.toMatchObject({
      code: 'run_failed',
      message: expect.stringContaining('to decode 1 tokens of 1 sequences'),
    })
  })
})

describe('a text', () => {
  /** What a lane tells of the sequences in it when it is asked; an error is the lane's own end. */
  type Say = (begun: readonly SequenceRequest[]) => readonly SequenceEvent[] | SpillwayError

  const refuse = () => Promise.reject(new SpillwayError('internal', 'This lane only decodes'))

  function laneOf(say: Say, started: SequenceRequest[][]): Lane {
    const begun: SequenceRequest[] = []
    started.push(begun)
    return {
      start: refuse,
      load: refuse,
      run: refuse,
      unload: refuse,
      ping: refuse,
      lost: new Promise(() => {}),
      kill: () => {},
      cancelSequences: async () => {},
      addSequences: async (_session, requests) => {
        begun.push(...requests)
      },
      takeEvents: async () => {
        await new Promise(setImmediate)
        const events = say(begun)
        if (events instanceof SpillwayError) throw events
        return { events, load: { slots: 4, running: begun.length, waiting: 0, kvUsage: 0 } }
      },
    }
  }

  /** Over lanes that say one after the other what is given; and the sequences that each was given. */
  function over(...lanes: readonly Say[]) {
    const started: SequenceRequest[][] = []
    const left = [...lanes]
    const generator = new SequenceScheduler({
      session: 'teller',
      spec,
      lease: async () => ({
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
  const eachOf = (begun: readonly SequenceRequest[], event: Omit<SequenceEvent, 'id'>) =>
    begun.map(({ id }) => ({ id, ...event }))

  const tellsOne: Say = (begun) => eachOf(begun, { tokens: [{ token: 7 }] })
  const ends: Say = (begun) => eachOf(begun, { tokens: [], finish: 'stop' })
  const losesItsGpu: Say = () => lost
  /** One answer after the other. */
  const inTurn = (...says: readonly Say[]): Say => {
    const left = [...says]
    return (begun) => left.shift()?.(begun) ?? []
  }

  test('goes on from its last token, with the others, however many GPUs are lost under it', async () => {
    const crashes = Array.from({ length: 8 }, () => inTurn(tellsOne, losesItsGpu))
    const { generator, started } = over(...crashes, ends)
    const texts = [request(1), request(2)].map((one) => generator.generate(one).result)
    expect((await Promise.all(texts)).map(({ finish }) => finish)).toEqual(['stop', 'stop'])
    const made = Array.from({ length: 9 }, (_, lane) => new Array<number>(lane).fill(7))
    expect(started.map((begun) => begun.map(({ request }) => request.prompt))).toEqual(
      made.map((tokens) => [
        [1, ...tokens],
        [2, ...tokens],
      ]),
    )
  })

  test('that was still being read goes alone after that, and is poison only where a second is lost under it alone', async () => {
    const { generator, started } = over(losesItsGpu, losesItsGpu, inTurn(tellsOne, losesItsGpu), ends)
    const [first, second] = [request(1), request(2)].map((one) => generator.generate(one).result)
    await expect(first).rejects.toMatchObject({ code: 'poisoned' })
    // One that has made a token is as free of blame as any.
    expect((await second)?.finish).toBe('stop')
    expect(started.map((begun) => begun.map(({ request }) => request.prompt))).toEqual([
      [[1], [2]],
      [[1]],
      [[2]],
      [[2, 7]],
    ])
  })
})
