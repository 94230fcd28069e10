import type { InferenceSession } from 'onnxruntime-common'
import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import * as ours from '../../web/adapters/ort/index.ts'
import { blank, digits, failure, keepLanes, madeGraph, matrix, open, row } from '../support/ort-sessions.ts'

const posted = vi.spyOn(Worker.prototype, 'postMessage')
const ended = vi.spyOn(Worker.prototype, 'terminate')

/** The workers to which runs were sent, one for each run. */
const runners = () =>
  posted.mock.contexts.filter(
    (worker, at): worker is Worker => worker instanceof Worker && Boolean(posted.mock.calls[at]?.[0].run),
  )

/** Ends lanes as a crash does. */
function endLanes(): void {
  for (const worker of new Set(runners()))
    worker.dispatchEvent(new ErrorEvent('error', { message: 'it crashed' }))
}

beforeAll(keepLanes)

describe('a session fails with a SpillwayError', () => {
  test('where there is no model', async () => {
    expect(await failure(open(ours, new Uint8Array(64)))).toMatchObject({ code: 'model_invalid' })
    const missing = new URL('models/missing.onnx', inject('serverUrl')).href
    expect(await failure(open(ours, missing))).toMatchObject({ code: 'file_missing' })
    const none = failure(open(ours, digits, { executionProviders: ['webnn'] }))
    expect(String(await none)).toContain('no available backend')
  })

  test('where inputs do not fit, and answers the next run', async () => {
    const session = await open(ours, digits)
    expect(await failure(session.run({ image: row(1) }))).toMatchObject({ code: 'run_failed' })
    const surplus = failure(session.run({ ...blank(), other: row(1) }))
    expect(await surplus).toMatchObject({ code: 'input_name_invalid' })
    expect(String(await failure(session.run({})))).toContain("input 'image' is missing")
    expect(Object.keys(await session.run(blank()))).toEqual(['logits'])
  })

  describe("where a tensor is on the page's GPU,", () => {
    const buffer = Object.create(null)
    const kept = (dims: number[]) => ours.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims })

    test('as an input', async () => {
      const session = await open(ours, digits)
      expect(await failure(session.run({ image: kept([1, 1, 28, 28]) }))).toMatchObject({
        code: 'not_supported',
        message: expect.stringMatching(/Input "image" is on the page's GPU.*await tensor\.getData\(\)/s),
      })
      const disposed = row(784)
      disposed.dispose()
      expect(String(await failure(session.run({ image: disposed })))).toContain('was disposed')
    })

    test('which an output is to be written to, before the run', async () => {
      const session = await open(ours, digits)
      const { length } = runners()
      expect(await failure(session.run(blank(), { logits: kept([1, 10]) }))).toMatchObject({
        code: 'not_supported',
        message: expect.stringMatching(/output "logits" is on the page's GPU.*Name the output only/s),
      })
      expect(runners()).toHaveLength(length)
    })

    test.each<InferenceSession.SessionOptions>([
      { preferredOutputLocation: 'gpu-buffer' },
      { preferredOutputLocation: { logits: 'ml-tensor' } },
    ])('as which outputs are to stay: %o', async (options) => {
      expect(await failure(open(ours, digits, options))).toMatchObject({
        code: 'not_supported',
        message: expect.stringMatching(/page's GPU.*Leave preferredOutputLocation out/s),
      })
    })

    test('it can be read, and then be sent', async () => {
      const session = await open(ours, digits)
      const download = async () => new Float32Array(784)
      const read = ours.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [1, 1, 28, 28], download })
      await read.getData()
      expect((await session.run({ image: read })).logits?.dims).toEqual([1, 10])
    })
  })

  test('after its release, which lets the runs before it end', async () => {
    const session = await ours.InferenceSession.create(await madeGraph('slow'))
    const runs = [session.run(matrix()), session.run(matrix())]
    const released = session.release()
    const late = failure(session.run(matrix()))
    for (const { x12 } of await Promise.all(runs)) expect(x12?.data[0]).toBeCloseTo(1 / 512)
    await released
    await session.release()
    expect(await late).toMatchObject({ code: 'closed' })
  })

  test('whose run two lanes have died of, and answers the next run', async () => {
    const session = await open(ours, await madeGraph('slow'))
    const running = failure(session.run(matrix()))
    endLanes()
    const { length } = runners()
    await expect.poll(() => runners().length, { interval: 10 }).toBeGreaterThan(length)
    endLanes()
    expect(await running).toMatchObject({ code: 'poisoned' })
    expect((await session.run(matrix())).x12?.data[0]).toBeCloseTo(1 / 512)
  })
})

test('a run whose lane was lost is repeated in a new one, from the inputs of the call', async () => {
  const session = await open(ours, await madeGraph('slow'))
  const feeds = matrix()
  const running = session.run(feeds)
  feeds.x0.data.fill(0)
  endLanes()
  expect((await running).x12?.data[0]).toBeCloseTo(1 / 512)
})

test('a session on WebGPU gets one lane, which ends with it', async () => {
  const before = new Set(posted.mock.contexts)
  const model = await madeGraph('twoOutputs')
  const session = await ours.InferenceSession.create(model, { executionProviders: ['webgpu'] })
  const { y } = await session.run({ x: row(1, 2, 3) })
  expect([...(y?.data ?? [])]).toEqual([3, 5, 7])
  const started = [...new Set(posted.mock.contexts)].filter((worker) => !before.has(worker))
  expect(started).toHaveLength(1)
  await session.release()
  expect(ended.mock.contexts).toContain(started[0])
})

test('sessions run beside each other, each in the order of its calls, and the page stays free', async () => {
  const [large, small] = [await open(ours, await madeGraph('slow')), await open(ours, digits)]
  const ended: string[] = []
  const note = (name: string) => () => void ended.push(name)
  const runs = [
    large.run(matrix()).then(note('large')),
    large.run(matrix()).then(note('large again')),
    small.run(blank()).then(note('small')),
    small.run(blank()).then(note('small again')),
  ]
  let tasks = 0
  for (; ended.length < runs.length; tasks++) await new Promise((resolve) => setTimeout(resolve))
  await Promise.all(runs)
  // In the page itself, each run would be one task.
  expect(tasks).toBeGreaterThan(20)
  expect(ended.filter((name) => name.startsWith('large'))).toEqual(['large', 'large again'])
  expect(ended.filter((name) => name.startsWith('small'))).toEqual(['small', 'small again'])
})
