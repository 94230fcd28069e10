import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Backend, type Manifest, SpillwayError, type Tensor } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import type { LoadRequest } from '../../workers/protocol/lane.ts'

export interface LaneSubject {
  start(): Lane
  readonly manifest: Manifest
  /** The graph's bytes, new ones each time: they are transferred to the lane. */
  graph(): Promise<ArrayBuffer>
  readonly backends: readonly Backend[]
  readonly timeoutMs: number
}

/** What every kind of lane does, with a real runtime in a real worker or process. */
export function laneContract(
  name: string,
  { start, manifest, graph, backends, timeoutMs }: LaneSubject,
): void {
  const request = async (backend: Backend, bytes?: ArrayBuffer): Promise<LoadRequest> => ({
    session: 'digits',
    backend,
    source: { from: 'bytes', graph: bytes ?? (await graph()), external: [] },
    inputs: manifest.inputs,
    outputs: manifest.outputs,
    batchAxis: manifest.batchAxis,
  })
  const image = (rows: number): Tensor => ({
    type: 'float32',
    data: Float32Array.from({ length: rows * 784 }, (_, index) => ((index * 7) % 11) / 11),
    shape: [rows, 1, 28, 28],
  })
  const failure = (work: Promise<unknown>): Promise<SpillwayError> =>
    work.then(
      () => expect.fail('it succeeded'),
      (error) => (error instanceof SpillwayError ? error : expect.fail(String(error))),
    )
  describe(`${name} as a lane`, { timeout: timeoutMs }, () => {
    // One for all tests but the one that ends it: each lane starts a runtime. Each test loads what it runs.
    let lane: Lane
    beforeAll(async () => {
      lane = start()
      await lane.start({ threads: 1 })
    })
    afterAll(() => lane.kill(new SpillwayError('closed', 'The tests are over')))

    test.each(backends)('loads a model on %s and runs batches of any size', async (backend) => {
      const loaded = await lane.load(await request(backend))
      expect(loaded.loadMs).toBeGreaterThan(0)
      const one = await lane.run({ session: 'digits', inputs: { image: image(1) } })
      expect(one.outputs.logits).toMatchObject({ type: 'float32', shape: [1, 10] })
      const three = await lane.run({ session: 'digits', inputs: { image: image(3) } })
      expect(three.outputs.logits?.shape).toEqual([3, 10])
      expect(three.computeMs).toBeGreaterThan(0)
      const { inputMs, computeMs, outputMs, laneMs } = three
      expect(Math.min(inputMs, outputMs)).toBeGreaterThanOrEqual(0)
      expect(laneMs).toBeGreaterThan(inputMs + computeMs + outputMs - 0.001)
    })

    test('runs overlapping calls one after the other', async () => {
      const backend = backends[0] ?? 'cpu'
      const [, , ...runs] = await Promise.all([
        lane.load(await request(backend)),
        lane.load(await request(backend)),
        ...[1, 2, 3, 4].map((rows) => lane.run({ session: 'digits', inputs: { image: image(rows) } })),
      ])
      expect(runs.map((run) => run.outputs.logits?.shape[0])).toEqual([1, 2, 3, 4])
    })

    test('refuses bytes that are no model, and keeps working', async () => {
      const backend = backends[0] ?? 'cpu'
      const complete = await graph()
      expect((await failure(lane.load(await request(backend, new ArrayBuffer(16))))).code).toBe(
        'model_invalid',
      )
      const half = complete.slice(0, complete.byteLength >> 1)
      expect((await failure(lane.load(await request(backend, half)))).code).toBe('model_invalid')
      await lane.load(await request(backend))
      await lane.run({ session: 'digits', inputs: { image: image(1) } })
    })

    test('loads a model that refuses made-up inputs, says why, and answers what it can', async () => {
      for (const backend of backends) {
        const load = await request(backend)
        const inputs = load.inputs.map((spec) => ({ ...spec, shape: [-1, 1, 27, 27] }))
        await lane.load({ ...load, inputs })
        expect((await lane.warmUp(load.session)).fault).toEqual(expect.any(String))
        const { outputs } = await lane.run({ session: load.session, inputs: { image: image(1) } })
        expect(outputs.logits?.shape).toEqual([1, 10])
      }
    })

    test('refuses a graph that disagrees with its manifest', async () => {
      const load = {
        ...(await request(backends[0] ?? 'cpu')),
        outputs: [{ name: 'boxes', type: 'float32', shape: [-1, 4] }] as const,
      }
      const error = await failure(
        lane.load({ ...load, outputs: load.outputs.map((spec) => ({ ...spec, shape: [...spec.shape] })) }),
      )
      expect(error.code).toBe('model_invalid')
      expect(error.message).toContain('expected image → boxes, got image → logits')
    })

    test('names the input shapes of a failed run, and keeps working', async () => {
      await lane.load(await request(backends[0] ?? 'cpu'))
      const wrong: Tensor = { type: 'float32', data: new Float32Array(10), shape: [1, 10] }
      const error = await failure(lane.run({ session: 'digits', inputs: { image: wrong } }))
      expect(error.code).toBe('run_failed')
      expect(error.message).toContain('image [1, 10]')
      await lane.run({ session: 'digits', inputs: { image: image(1) } })
    })

    test('refuses runs of an unloaded session', async () => {
      await lane.load(await request(backends[0] ?? 'cpu'))
      await lane.unload('digits')
      await lane.unload('digits')
      expect((await failure(lane.run({ session: 'digits', inputs: { image: image(1) } }))).code).toBe(
        'internal',
      )
    })

    test('handles direct calls and comlink’s in the order of their making, and refuses what a session cannot do', async () => {
      await lane.load(await request(backends[0] ?? 'cpu'))
      const first = lane.run({ session: 'digits', inputs: { image: image(1) } })
      const events = failure(lane.takeEvents('digits'))
      const unloaded = lane.unload('digits')
      const last = failure(lane.run({ session: 'digits', inputs: { image: image(1) } }))
      expect((await first).outputs.logits?.shape).toEqual([1, 10])
      expect(await events).toMatchObject({ code: 'internal', message: 'digits was not loaded to generate' })
      await unloaded
      expect(await last).toMatchObject({
        code: 'internal',
        message: 'No session "digits" in this lane',
      })
    })

    test('settles every call in flight when it is killed, and reports the reason', async () => {
      const lane = start()
      await lane.start({ threads: 1 })
      await lane.load(await request(backends[0] ?? 'cpu'))
      const runs = [1, 2, 3].map((rows) =>
        failure(lane.run({ session: 'digits', inputs: { image: image(rows) } })),
      )
      lane.kill(new SpillwayError('lane_lost', 'Killed by the test'))
      for (const { code, message } of await Promise.all(runs)) {
        expect({ code, message }).toEqual({ code: 'lane_lost', message: 'Killed by the test' })
      }
      expect((await lane.lost).message).toBe('Killed by the test')
      expect((await failure(lane.unload('digits'))).code).toBe('lane_lost')
    })
  })
}
