import { env, type PipelineType, RawImage, Tensor, pipeline as theirs } from '@huggingface/transformers'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { pipeline as ours } from '../../web/adapters/transformers/index.ts'
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
    const before = runs()
    await Promise.all(Array.from({ length: 32 }, () => extract(first, { pooling: 'mean' })))
    expect(runs() - before).toBeLessThan(16)
  })

  test('reports its progress in the words of transformers.js', async () => {
    const seen: string[] = []
    const progress_callback = ({ status }: { status: string }) => void seen.push(status)
    await ours('text-classification', 'task/text-classification', { runtime, progress_callback })
    expect(seen.at(-1)).toBe('ready')
  })

  test.each([
    ['a task of several passes', 'text-generation', 'owner/bard', {}, 'not_supported'],
    ['a task that does not exist', 'mind-reading', 'owner/bard', {}, 'not_supported'],
    ['a model that is no repository', 'feature-extraction', './model.onnx', {}, 'input_value_invalid'],
    [
      'an option that it does not know',
      'feature-extraction',
      'owner/sentences',
      { dtype: 'q8' },
      'input_name_invalid',
    ],
    ['a repository that does not exist', 'feature-extraction', 'owner/nothing', {}, 'model_unknown'],
  ])('refuses %s', async (_what, task, model, options, code) => {
    const made = ours(task as 'feature-extraction', model, { runtime, ...options })
    await expect(made).rejects.toMatchObject({ code })
  })
})
