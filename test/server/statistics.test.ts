import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { configurationOf, modelConfiguration } from '../../models/protocols/oip-model-config.ts'
import { type ModelStatistics, statistics } from '../../models/protocols/oip-statistics.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { digitsManifest, emptyFolder, writeDigits } from '../support/test-models.ts'

let app: TestApp
beforeAll(async () => {
  const folder = await emptyFolder()
  await writeDigits(folder, 'a', { id: 'twice', version: '1' })
  await writeDigits(folder, 'b', { id: 'twice', version: '2' })
  app = await startTestApp({ models: [folder] })
})
afterAll(() => app.close())

async function infer(path: string, rows: number, parameters = {}): Promise<number> {
  const image = {
    name: 'image',
    datatype: 'FP32',
    shape: [rows, 1, 28, 28],
    data: new Array(rows * 784).fill(0.5),
  }
  const body = JSON.stringify({ parameters, inputs: [image] })
  return (await app.request(`/v2/models/${path}/infer`, { method: 'POST', body })).status
}

async function read(path: string): Promise<ModelStatistics[]> {
  const response = await app.request(`/v2/models/${path}`)
  expect(response.status).toBe(200)
  return statistics.parse(await response.json()).model_stats
}

const zero = { count: 0, ns: 0 }

describe('statistics', () => {
  test('count requests, rows, runs and failures of a version, and its runs by their rows', async () => {
    const before = Date.now()
    for (const rows of [1, 3, 3]) expect(await infer('twice/versions/1', rows)).toBe(200)
    expect(await infer('twice/versions/1', 2, { timeout: 1 })).toBe(503)
    const [model, ...others] = await read('twice/versions/1/stats')
    expect(others).toEqual([])
    expect(model).toMatchObject({ name: 'twice', version: '1', inference_count: 7, execution_count: 3 })
    expect(model?.last_inference).toBeGreaterThanOrEqual(before - 1)
    expect(model?.last_inference).toBeLessThanOrEqual(Date.now() + 1)
    const took = { count: 3, ns: expect.any(Number) }
    expect(model?.inference_stats).toEqual({
      success: took,
      fail: { count: 1, ns: expect.any(Number) },
      queue: took,
      compute_input: took,
      compute_infer: took,
      compute_output: took,
      cache_hit: zero,
      cache_miss: zero,
    })
    const {
      success,
      queue,
      compute_infer: run,
      compute_input: input,
      compute_output: output,
      fail,
    } = model?.inference_stats ?? expect.fail('no statistics')
    expect(success.ns).toBeGreaterThanOrEqual(queue.ns + input.ns + run.ns + output.ns)
    for (const { ns } of [input, run, output]) expect(ns).toBeGreaterThan(0)
    expect(fail.ns).toBeGreaterThan(0)
    expect(model?.batch_stats).toMatchObject([
      {
        batch_size: 1,
        compute_infer: { count: 1 },
        compute_input: { count: 1 },
        compute_output: { count: 1 },
      },
      { batch_size: 3, compute_infer: { count: 2 } },
    ])
  })

  test('are of all versions of a model, and of all models', async () => {
    const versions = (models: ModelStatistics[]) => models.map(({ name, version }) => `${name} ${version}`)
    expect(versions(await read('twice/stats'))).toEqual(['twice 2', 'twice 1'])
    expect(versions(await read('stats'))).toEqual(expect.arrayContaining(['twice 2', 'twice 1', 'digits 1']))
    const [idle] = await read('twice/versions/2/stats')
    expect(idle).toMatchObject({ last_inference: 0, inference_count: 0, batch_stats: [] })
    expect((await app.request('/v2/models/nothing/stats')).status).toBe(404)
    expect((await app.request('/v2/models/twice/versions/3/stats')).status).toBe(404)
  })

  test('and the configuration are extensions that the server names', async () => {
    const { extensions } = await (await app.request('/v2')).json()
    expect(extensions).toEqual(expect.arrayContaining(['statistics', 'model_configuration']))
  })
})

describe('the configuration of a model', () => {
  test('has its tensors without the axis of the batch', async () => {
    for (const path of ['digits', 'digits/versions/1']) {
      const response = await app.request(`/v2/models/${path}/config`)
      expect(modelConfiguration.parse(await response.json())).toEqual({
        name: 'digits',
        platform: 'onnxruntime_onnx',
        backend: 'onnxruntime',
        version_policy: { all: {} },
        max_batch_size: digitsManifest.batching?.maxRows ?? 8_192,
        input: [{ name: 'image', data_type: 'TYPE_FP32', dims: [1, 28, 28], optional: false }],
        output: [{ name: 'logits', data_type: 'TYPE_FP32', dims: [10] }],
        dynamic_batching: {
          preferred_batch_size: digitsManifest.batching?.preferredRows ?? [],
          max_queue_delay_microseconds: 0,
        },
      })
    }
    expect((await app.request('/v2/models/nothing/config')).status).toBe(404)
  })

  const model: Manifest = {
    ...digitsManifest,
    inputs: [
      { name: 'text', type: 'string', shape: [-1, 1] },
      { name: 'rate', type: 'int64', shape: [], batchAxis: null, default: 16_000 },
    ],
    outputs: [{ name: 'any', type: 'float32', shape: null }],
    batching: { maxRows: 4, preferredRows: [2], maxDelayMs: 0.5 },
  }

  test('has whole shapes where a tensor has no rows, and a type for strings', () => {
    expect(configurationOf(model, 100)).toMatchObject({
      max_batch_size: 0,
      input: [
        { name: 'text', data_type: 'TYPE_STRING', dims: [-1, 1], optional: false },
        { name: 'rate', data_type: 'TYPE_INT64', dims: [], optional: true },
      ],
      output: [{ name: 'any', data_type: 'TYPE_FP32', dims: [-1] }],
    })
    expect(configurationOf(model, 100).dynamic_batching).toBeUndefined()
  })

  test('has how requests are batched', () => {
    const [text] = model.inputs
    expect(configurationOf({ ...model, inputs: text ? [text] : [], outputs: [] }, 100)).toMatchObject({
      max_batch_size: 4,
      dynamic_batching: { preferred_batch_size: [2], max_queue_delay_microseconds: 500 },
    })
  })
})
