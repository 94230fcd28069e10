import { afterEach, describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { randomFrom } from '../../models/tools/run-model/random-samples.ts'
import type { ProcessLane } from '../../workers/host/lane-client/node/start-process-lane.ts'
import { Pool } from '../../workers/host/pool/pool.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { leaseLane } from '../../workers/host/text/lease-lane.ts'
import { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import { bytesOf, read, request } from '../contract/token-requests.ts'
import { processLane } from '../support/process-lane.ts'

const stories = inject('stories')
const absent = 'absent' in stories ? stories.absent : undefined

describe.skipIf(absent)(`sequences over a pool of processes${absent ? `: ${absent}` : ''}`, () => {
  let close = () => {}
  afterEach(() => close())

  function open() {
    if ('absent' in stories) throw new Error(stories.absent)
    const { manifest, graph } = stories
    const { generation: spec } = manifest
    if (!spec) throw new Error('no language model')
    const lanes: ProcessLane[] = []
    const pool = new Pool({
      layouts: () => [{ lanes: 1, threads: 1 }],
      memoryBudget: 2 ** 30,
      startLane: () => {
        const lane = processLane(systemClock)
        lanes.push(lane)
        return lane
      },
      clock: systemClock,
    })
    const scheduler = new Scheduler<SessionSpec>({
      lanes: pool,
      clock: systemClock,
      maxQueued: 10,
      targetMs: 100,
      maxBatchBytes: 2 ** 20,
      afterTurn: setImmediate,
    })
    const source: SessionSpec = {
      key: 'stories',
      manifest,
      backend: 'cpu',
      variant: 'fp32',
      memory: 2 ** 24,
      request: async () => ({
        session: 'stories',
        backend: 'cpu',
        source: { from: 'bytes', graph: bytesOf(graph), external: [] },
        inputs: manifest.inputs,
        outputs: manifest.outputs,
        batchAxis: 0,
        generate: { spec, kvType: 'float32', slots: 4, maxSlots: 4, maxBytes: 2 ** 26 },
      }),
    }
    const generator = new SequenceScheduler({
      session: 'stories',
      spec,
      lease: () => leaseLane(scheduler, pool, source),
      executedOn: source,
      slots: 4,
      maxWaiting: 250,
      clock: systemClock,
    })
    close = () => {
      generator.close()
      scheduler.close()
      pool.close()
    }
    return { generator, pool, lanes, source, cases: stories.cases }
  }

  test('continue from their last token when their process is killed, at eight points', async () => {
    const random = randomFrom(5)
    let { generator, lanes, cases } = open()
    const kill = () => process.kill(lanes.at(-1)?.pid ?? 0, 'SIGKILL')
    for (let round = 0; round < 8; round++) {
      // A lane that dies too often backs off.
      if (round % 2 === 0) {
        close()
        const opened = open()
        generator = opened.generator
        lanes = opened.lanes
        cases = opened.cases
      }
      const at = Math.floor(random.uniform() * 38)
      const streams = cases.map(({ prompt }) => generator.generate(request(prompt, 40)))
      const made = await Promise.all(
        streams.map(async (stream, index) => {
          const tokens: number[] = []
          let killed = index > 0
          for await (const some of stream) {
            tokens.push(...some.map(({ token }) => token))
            if (killed || tokens.length < at) continue
            killed = true
            kill()
          }
          return tokens
        }),
      )
      expect(made, `killed after ${at} tokens`).toEqual(cases.map(({ tokens }) => tokens.slice(0, 40)))
    }
  })

  test('keep their format when their process is killed', async () => {
    const { generator, lanes, cases } = open()
    const vocabulary = `${'\n'.repeat(5)}a\n\nb`
    const format = { format: { type: 'regex', regex: '(ab){12}' }, vocabulary } as const
    const stream = generator.generate(request(cases[0]?.prompt ?? [], 60, { format }))
    const tokens: number[] = []
    for await (const some of stream) {
      tokens.push(...some.map(({ token }) => token))
      if (tokens.length >= 7 && lanes.length === 1) process.kill(lanes[0]?.pid ?? 0, 'SIGKILL')
    }
    expect(lanes).toHaveLength(2)
    expect(tokens).toEqual(Array.from({ length: 24 }, (_, at) => (at % 2 === 0 ? 5 : 7)))
    expect(await stream.result).toMatchObject({ finish: 'stop' })
  })

  test('are all answered, two hundred at once on four slots', async () => {
    const { generator, cases } = open()
    const asked = Array.from({ length: 200 }, (_, index) => cases[index % cases.length])
    const made = await Promise.all(
      asked.map((text) => read(generator.generate(request(text?.prompt ?? [], 6)))),
    )
    for (const [index, tokens] of made.entries())
      expect(tokens.map(({ token }) => token)).toEqual(asked[index]?.tokens.slice(0, 6))
    expect(generator.load).toMatchObject({ running: 0, waiting: 0 })
  })

  test('can be aborted at every stage, and free their slot', async () => {
    const { generator, cases } = open()
    const prompt = cases[0]?.prompt ?? []
    const reason = { code: 'aborted' }
    await expect(
      read(generator.generate(request(prompt, 40), { signal: AbortSignal.abort() })),
    ).rejects.toMatchObject(reason)
    for (const after of [0, 1, 10]) {
      const controller = new AbortController()
      const stream = generator.generate(request(prompt, 400), { signal: controller.signal })
      const reading = (async () => {
        let count = 0
        if (after === 0) queueMicrotask(() => controller.abort())
        for await (const some of stream) {
          count += some.length
          if (count >= after) controller.abort()
        }
      })()
      await expect(reading).rejects.toMatchObject(reason)
      await expect(stream.result).rejects.toMatchObject(reason)
    }
    for await (const _ of generator.generate(request(prompt, 400))) break
    await expect(read(generator.generate(request(prompt, 500), { deadlineMs: 20 }))).rejects.toMatchObject({
      code: 'deadline_exceeded',
    })
    expect(await read(generator.generate(request(prompt, 5)))).toHaveLength(5)
    expect(generator.load).toMatchObject({ running: 0, waiting: 0 })
  })

  test('delay no other sequence while their reader sleeps', async () => {
    const { generator, cases } = open()
    const unread = generator.generate(request(cases[0]?.prompt ?? [], 40))
    expect(await read(generator.generate(request(cases[1]?.prompt ?? [], 40)))).toHaveLength(40)
    expect((await unread.result).finish).toBe('length')
    expect(await read(unread)).toHaveLength(40)
  })

  test('are refused where the request is invalid', async () => {
    const { generator } = open()
    const refused = (...args: Parameters<typeof request>) =>
      read(generator.generate(request(...args))).then(
        () => expect.fail('it was accepted'),
        (error: unknown) => (error instanceof SpillwayError ? error.code : String(error)),
      )
    expect(await refused([], 4)).toBe('context_exceeded')
    expect(await refused(new Array<number>(512).fill(1), 4)).toBe('context_exceeded')
    expect(await refused([1, 600], 4)).toBe('input_value_invalid')
    expect(await refused([1], 0)).toBe('input_value_invalid')
    expect(await refused([1], 4, { sampling: { temperature: -1 } })).toBe('input_value_invalid')
  })

  test('continue when their unloaded model is loaded again, and end when it is not', async () => {
    const { source, cases } = open()
    const { generation: spec } = source.manifest
    if (!spec) throw new Error('no language model')
    const lane = processLane(systemClock)
    await lane.start({ threads: 1 })
    const over = (lease: () => Promise<void>) =>
      new SequenceScheduler({
        session: 'stories',
        spec,
        lease: () => lease().then(() => ({ lane, release: () => {} })),
        executedOn: source,
        slots: 4,
        maxWaiting: 4,
        clock: systemClock,
      })
    const wanted = request(cases[0]?.prompt ?? [], 40)
    const tokens: number[] = []
    const loading = over(async () => {
      await lane.load(await source.request())
    })
    for await (const some of loading.generate(wanted)) {
      if (tokens.length === 0) await lane.unload('stories')
      tokens.push(...some.map(({ token }) => token))
    }
    expect(tokens).toEqual(cases[0]?.tokens.slice(0, 40))
    await lane.unload('stories')
    await expect(read(over(async () => {}).generate(wanted))).rejects.toMatchObject({ code: 'internal' })
    lane.kill(new SpillwayError('closed', 'The test is over'))
  })
})
