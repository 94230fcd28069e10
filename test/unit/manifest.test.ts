import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { manifestFiles, parseManifest } from '../../models/core/index.ts'
import { bardManifest } from '../support/bard-variants.ts'
import { digitsManifest } from '../support/test-models.ts'

const withFile = (path: string) => ({
  ...digitsManifest,
  variants: digitsManifest.variants.map((variant) => ({
    ...variant,
    files: variant.files.map((file) => ({ ...file, path })),
  })),
})

const generation = {
  context: 128,
  vocabulary: 1_000,
  stopTokens: [2],
  kv: { layers: 5, heads: 4, headDim: 8 },
  sampling: { temperature: 0.7, topP: 0.9 },
}
const state = (name: string, change: object = {}) => ({
  name,
  type: 'float32',
  shape: [2, -1, 128],
  batchAxis: 1,
  ...change,
})

const stateful = (change: object = {}) => ({
  ...digitsManifest,
  inputs: [
    ...digitsManifest.inputs,
    state('state'),
    { name: 'rate', type: 'int64', shape: [], batchAxis: null, default: 16_000 },
  ],
  outputs: [...digitsManifest.outputs, state('next')],
  state: [{ input: 'state', output: 'next' }],
  ...change,
})

describe('parseManifest', () => {
  test('accepts the manifest of digits', () => {
    expect(parseManifest(digitsManifest, 'a test')).toEqual(digitsManifest)
  })

  test('accepts a language model with its tokenizer and its KV cache', () => {
    const textService = {
      ...digitsManifest,
      task: 'text-generation',
      generation,
      tokenizer: [{ path: 'tokenizer.json', size: 3, sha256: 'a'.repeat(64) }],
      variants: digitsManifest.variants.map((variant) => ({ ...variant, kvType: 'float16' })),
    }
    const manifest = parseManifest(textService, 'a test')
    expect(manifest).toEqual(textService)
    expect(manifestFiles(manifest).map(({ path }) => path)).toEqual([
      'tokenizer.json',
      ...['q8', 'fp16', 'fp32'].map((variant) => `${variant}/model.onnx`),
    ])
  })

  test("accepts the README's example", () => {
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(readFileSync('models/README.md', 'utf8')) ?? []
    expect(parseManifest(JSON.parse(example), 'the README').id).toBe('digits')
  })

  test('accepts a manifest without a tolerance', () => {
    const { tolerance: _, ...manifest } = digitsManifest
    expect(parseManifest(manifest, 'a test').tolerance).toBeUndefined()
  })

  test('takes a size of 0', () => {
    const none = [{ name: 'a', type: 'float32' as const, shape: [1, 0] }]
    const manifest = { ...digitsManifest, inputs: none, batchAxis: null }
    expect(parseManifest(manifest, 'a test').inputs).toEqual(none)
  })

  test('takes strings, tensors of any shape, and no inputs at all, where requests share no run', () => {
    const manifest = {
      ...digitsManifest,
      inputs: [
        { name: 'city', type: 'string', shape: [-1] },
        { name: 'any', type: 'float32', shape: null },
      ],
      outputs: [{ name: 'names', type: 'string', shape: null }],
      batchAxis: null,
    }
    expect(parseManifest(manifest, 'a test')).toEqual(manifest)
    expect(parseManifest({ ...manifest, inputs: [] }, 'a test').inputs).toEqual([])
    for (const change of [{ inputs: [] }, { outputs: [{ name: 'y', type: 'float32', shape: null }] }])
      expect(() => parseManifest({ ...digitsManifest, ...change }, 'a test')).toThrow(/batchAxis/)
    const inputs = [{ name: 'city', type: 'string', shape: [1], default: 0 }]
    expect(() => parseManifest({ ...manifest, inputs }, 'a test')).toThrow(/default/)
  })

  test('takes tensors with a batch axis of their own, defaults and state', () => {
    expect(parseManifest(stateful(), 'a test')).toEqual(stateful())
  })

  /** The value with a field more, once for each object in it. */
  function* withFieldMore(value: unknown): Generator<unknown> {
    if (typeof value !== 'object' || value === null) return
    if (!Array.isArray(value)) yield { ...value, extra: 1 }
    for (const [key, inner] of Object.entries(value)) {
      for (const changed of withFieldMore(inner)) {
        if (Array.isArray(value)) yield value.map((one, index) => (index === Number(key) ? changed : one))
        else yield { ...value, [key]: changed }
      }
    }
  }

  test.each([
    ['digits', digitsManifest],
    ['bard', bardManifest],
    ['a model with state', stateful()],
  ])('refuses a field more anywhere in the manifest of %s, and names it', (_, manifest) => {
    const changed = [...withFieldMore(manifest)]
    expect(changed.length).toBeGreaterThan(5)
    for (const value of changed) {
      expect(() => parseManifest(value, 'a test'), JSON.stringify(value)).toThrow(
        expect.objectContaining({ code: 'manifest_invalid', message: expect.stringContaining('extra') }),
      )
    }
  })

  test.each([
    ['no object', 'x', 'its root'],
    ['another schema', { ...digitsManifest, schema: 2 }, 'schema'],
    ['an unknown field', { ...digitsManifest, extra: 1 }, 'its root'],
    ['an id that is a path', { ...digitsManifest, id: '../etc' }, 'id'],
    ['a policy for a task', { ...digitsManifest, task: 'device' }, 'task'],
    [
      'a size below −1',
      { ...digitsManifest, inputs: [{ name: 'a', type: 'float32', shape: [-2] }] },
      'inputs[0].shape[0]',
    ],
    [
      'a variant for no backend',
      { ...digitsManifest, variants: digitsManifest.variants.map((one) => ({ ...one, backends: [] })) },
      'variants[0].backends',
    ],
    [
      'a batch axis that an output lacks',
      { ...digitsManifest, outputs: [{ name: 'b', type: 'float32', shape: [10] }] },
      'batchAxis',
    ],
    ['a file above the folder', withFile('../model.onnx'), 'variants[0].files[0].path'],
    ['a file with an absolute path', withFile('/etc/passwd'), 'variants[0].files[0].path'],
    ['a hidden file', withFile('a/.env'), 'variants[0].files[0].path'],
    ['a file by another separator', withFile('a\\b'), 'variants[0].files[0].path'],
    ['text generation without its settings', { ...digitsManifest, task: 'text-generation' }, 'generation'],
    [
      'two adapters of one name',
      {
        ...digitsManifest,
        task: 'text-generation',
        generation: { ...generation, adapters: ['sea', 'sea'] },
      },
      'generation.adapters',
    ],
    ['settings of another task', { ...digitsManifest, generation }, 'generation'],
    [
      'a draft model that is no id',
      { ...digitsManifest, task: 'text-generation', generation: { ...generation, draft: '../small' } },
      'generation.draft',
    ],
    [
      'a cache without layers',
      { ...digitsManifest, generation: { ...generation, kv: { ...generation.kv, layers: 0 } } },
      'generation.kv.layers',
    ],
  ])('refuses %s, and names the field', (_what, value, field) => {
    expect(() => parseManifest(value, 'a test')).toThrow(
      expect.objectContaining({ code: 'manifest_invalid', message: expect.stringContaining(`at ${field}`) }),
    )
  })

  test.each([
    [
      'a batch axis of a tensor that is fixed there',
      stateful({ inputs: [...digitsManifest.inputs, state('state', { batchAxis: 0 })] }),
      '−1 at the batch axis',
    ],
    [
      'a batch axis of a tensor where the model has none',
      stateful({ batchAxis: null }),
      '−1 at the batch axis',
    ],
    [
      'a state that no input has',
      stateful({ state: [{ input: 'other', output: 'next' }] }),
      'states that pair',
    ],
    [
      'a state that comes out otherwise than it goes in',
      stateful({ outputs: [...digitsManifest.outputs, state('next', { shape: [2, -1, 64] })] }),
      'states that pair',
    ],
    [
      'a state of open size',
      stateful({
        inputs: [...digitsManifest.inputs, state('state', { shape: [2, -1, -1] })],
        outputs: [...digitsManifest.outputs, state('next', { shape: [2, -1, -1] })],
      }),
      'states that pair',
    ],
    [
      'one state twice',
      stateful({
        state: [
          { input: 'state', output: 'next' },
          { input: 'state', output: 'next' },
        ],
      }),
      'states that pair',
    ],
    [
      'a default that its type cannot hold',
      stateful({
        inputs: [...digitsManifest.inputs, { name: 'n', type: 'uint8', shape: [-1], default: 256 }],
      }),
      'a default',
    ],
    [
      'a default of an open size',
      stateful({ inputs: [{ name: 'n', type: 'uint8', shape: [-1, -1], default: 1 }] }),
      'a default',
    ],
    [
      'a pad axis that is the batch axis',
      stateful({
        inputs: [{ name: 'n', type: 'uint8', shape: [-1, -1], pad: { axis: 0, value: 0 } }],
      }),
      'a pad axis',
    ],
  ])('refuses %s, and says what is expected', (_what, value, message) => {
    expect(() => parseManifest(value, 'a test')).toThrow(
      expect.objectContaining({ code: 'manifest_invalid', message: expect.stringContaining(message) }),
    )
  })
})
