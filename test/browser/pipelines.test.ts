import {
  env,
  type PipelineType,
  type ProgressInfo,
  RawImage,
  Tensor,
  pipeline as theirs,
} from '@huggingface/transformers'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { pipeline as ours, type PipelineOptions } from '../../web/adapters/transformers/index.ts'
import { createRuntime, type Runtime } from '../../web/api/create-runtime.ts'
import { configureTransformers } from '../bench/page/transformers.ts'
import { makeLanguage } from '../support/word-pieces.ts'

const hub = inject('hub')
let runtime: Runtime
beforeAll(async () => {
  configureTransformers(new URL(hub.url), env.remotePathTemplate)
  runtime = await createRuntime({ server: null, policy: 'device', hub: { endpoint: hub.url } })
})
afterAll(() => runtime.close())

/** A picture of stripes. */
const picture = (seed: number) =>
  new RawImage(
    Uint8ClampedArray.from({ length: 40 * 30 * 3 }, (_, at) => (at * seed * 37 + (at >> 4) * 11) % 256),
    40,
    30,
    3,
  )
const sound = Float32Array.from({ length: 8_000 }, (_, at) => Math.sin(at / 9) * (at / 8_000))
/** Of the words of the hub's models. */
const texts = makeLanguage(200).texts([3, 9, 5, 1], 5)
const [first = '', second = '', third = ''] = texts
const masked = `${first.split(' ')[0]} [MASK]`

const cases: readonly (readonly [task: string, repository: string, args: readonly unknown[]])[] = [
  ['feature-extraction', 'owner/sentences', [texts, { pooling: 'mean', normalize: true }]],
  ['text-classification', 'task/text-classification', [texts, { top_k: null }]],
  ['zero-shot-classification', 'task/zero-shot-classification', [first, [second, third]]],
  ['token-classification', 'task/token-classification', [first]],
  ['fill-mask', 'task/fill-mask', [masked]],
  ['question-answering', 'task/question-answering', [third, second]],
  ['image-classification', 'task/image-classification', [picture(1), { top_k: 3 }]],
  ['image-feature-extraction', 'task/image-feature-extraction', [picture(2)]],
  ['image-segmentation', 'task/image-segmentation', [picture(3)]],
  ['background-removal', 'task/image-segmentation', [picture(4)]],
  ['depth-estimation', 'task/depth-estimation', [picture(5)]],
  ['image-to-image', 'task/image-to-image', [picture(6)]],
  ['object-detection', 'task/object-detection', [picture(7), { threshold: 0 }]],
  ['audio-classification', 'task/audio-classification', [sound]],
  ['zero-shot-image-classification', 'task/zero-shot-image-classification', [picture(8), [first, second]]],
  ['zero-shot-audio-classification', 'task/zero-shot-audio-classification', [sound, [first, second, third]]],
]

/** Numbers and words of an answer, in their order. */
function flatten(answer: unknown): (number | string)[] {
  if (answer instanceof Tensor)
    return [...answer.dims, ...Array.from<number | bigint, number>(answer.data, Number)]
  if (answer instanceof RawImage) return [answer.width, answer.height, ...answer.data]
  if (typeof answer === 'number' || typeof answer === 'string') return [answer]
  if (typeof answer !== 'object' || answer === null) return [`${answer}`]
  return Object.values(answer).flatMap(flatten)
}

function expectNear(answer: unknown, expected: unknown): void {
  const [got, wanted] = [flatten(answer), flatten(expected)]
  expect(got.length).toBe(wanted.length)
  expect(wanted.length).toBeGreaterThan(0)
  for (const [at, value] of wanted.entries()) {
    if (typeof value === 'string') expect(got[at]).toBe(value)
    else expect(Math.abs(Number(got[at]) - value)).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(value)))
  }
}

type Call = (...args: readonly unknown[]) => Promise<unknown>

describe('the answer of our lanes equals that of transformers.js for', () => {
  test.each(cases)('%s', async (task, repository, args) => {
    const expected: Call = Object.assign(
      await theirs(task as PipelineType, repository, { dtype: 'fp32', device: 'wasm' }),
    )
    const answer: Call = Object.assign(await ours(task as 'feature-extraction', repository, { runtime }))
    expectNear(await answer(...args), await expected(...args))
  })
})

describe('a pipeline', () => {
  test('shares runs among calls at the same time', async () => {
    const extract = await ours('feature-extraction', 'owner/sentences', { runtime })
    await extract(first)
    const runs = () => runtime.stats().device.models.reduce((sum, { batches }) => sum + batches, 0)
    const runsOf32 = async () => {
      const before = runs()
      await Promise.all(Array.from({ length: 32 }, () => extract(first, { pooling: 'mean' })))
      return runs() - before
    }
    // Runs are kept short: while other work slows this machine, few requests share one.
    await expect.poll(runsOf32).toBeLessThan(16)
  })

  test.each(['fp32', 'q8'] as const)('runs the file of the dtype %s, on the device named', async (dtype) => {
    const options = { dtype, device: 'wasm' } as const
    const expected = await theirs('text-classification', 'task/two-dtypes', options)
    const classify = await ours('text-classification', 'task/two-dtypes', { ...options, runtime })
    expectNear(await classify(texts, { top_k: 2 }), await expected(texts, { top_k: 2 }))
    const { loaded = [] } = runtime.models().find(({ manifest }) => manifest.id.includes('two-dtypes')) ?? {}
    expect(loaded).toContainEqual(
      expect.objectContaining({ backend: 'wasm', variant: dtype === 'q8' ? 'quantized' : 'fp32' }),
    )
  })

  test('reports its progress in the words of transformers.js', async () => {
    const fresh = await createRuntime({ server: null, policy: 'device', hub: { endpoint: hub.url } })
    const open = async () => {
      const seen: ProgressInfo[] = []
      const progress_callback = (progress: ProgressInfo) => void seen.push(progress)
      await ours('depth-estimation', 'task/depth-estimation', { runtime: fresh, progress_callback })
      return seen
    }
    const statuses = (seen: readonly ProgressInfo[]) =>
      seen.flatMap((info) => ('file' in info && info.file === 'model' ? [info.status] : []))
    const seen = await open()
    expect([...new Set(statuses(seen))]).toEqual(['initiate', 'download', 'progress', 'done'])
    expect(statuses(seen).filter((status) => status === 'done')).toHaveLength(1)
    expect(statuses(await open())).toEqual(['initiate', 'download', 'done'])
    fresh.close()
    expect(seen.some((info) => 'file' in info && info.file === 'preprocessor_config.json')).toBe(true)
    expect(seen.at(-1)).toEqual({
      status: 'ready',
      task: 'depth-estimation',
      model: 'task/depth-estimation',
    })
  })

  test.each([
    ['text-generation', 'model.generate()'],
    ['translation', 'come later'],
    ['automatic-speech-recognition', 'come later'],
  ])('for %s, which takes several passes, names the coming way', async (task, way) => {
    const made = ours(task as 'feature-extraction', 'owner/bard', { runtime })
    await expect(made).rejects.toThrow('several passes')
    await expect(made).rejects.toMatchObject({
      code: 'not_supported',
      detail: { hint: expect.stringContaining(way) },
    })
  })

  test.each([
    ['a task that does not exist', 'mind-reading', 'owner/bard', {}, 'not_supported'],
    ['a model that is no repository', 'feature-extraction', './model.onnx', {}, 'input_value_invalid'],
    [
      'an option that it does not know',
      'feature-extraction',
      'owner/sentences',
      { subfolder: 'onnx' },
      'input_name_invalid',
    ],
    [
      'a device of no browser',
      'feature-extraction',
      'owner/sentences',
      { device: 'cuda' },
      'input_value_invalid',
    ],
    [
      'a dtype of no backend',
      'feature-extraction',
      'owner/sentences',
      { dtype: 'q2' },
      'input_value_invalid',
    ],
    [
      'a dtype for each file',
      'feature-extraction',
      'owner/sentences',
      { dtype: { model: 'q8' } },
      'input_value_invalid',
    ],
    [
      'a dtype that the repository does not have',
      'feature-extraction',
      'owner/sentences',
      { dtype: 'q4' },
      'input_value_invalid',
    ],
    ['a repository that does not exist', 'feature-extraction', 'owner/nothing', {}, 'model_unknown'],
    ['a model of an unknown architecture', 'feature-extraction', 'owner/strange', {}, 'not_supported'],
  ])('refuses %s', async (_what, task, model, options, code) => {
    const made = ours(task as 'feature-extraction', model, { runtime, ...(options as PipelineOptions) })
    await expect(made).rejects.toMatchObject({ code })
  })

  test('whose runtime is closed rejects, and so do its calls', async () => {
    const closed = await createRuntime({ server: null, policy: 'device', hub: { endpoint: hub.url } })
    const extract = await ours('feature-extraction', 'owner/sentences', { runtime: closed })
    const calls = texts.map((text) => extract(text))
    const codes = Promise.all(calls.map((call) => call.then(String, ({ code }) => code)))
    closed.close()
    expect(await codes).toEqual(texts.map(() => 'closed'))
    const late = ours('feature-extraction', 'owner/sentences', { runtime: closed })
    await expect(late).rejects.toMatchObject({ code: 'closed' })
  })
})
