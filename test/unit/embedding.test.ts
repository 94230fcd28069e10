import { describe, expect, test } from 'vitest'
import type { Manifest, Tensor } from '../../models/core/index.ts'
import { readDenseLayer } from '../../workers/host/text/embedding/dense-layer.ts'
import { embed } from '../../workers/host/text/embedding/embedder.ts'
import { normalized, poolTokens } from '../../workers/host/text/embedding/pool-tokens.ts'
import { safetensors } from '../support/safetensors.ts'
import { tokenizerOf } from '../support/scripted-tokenizer.ts'

const hidden = (...vectors: readonly (readonly number[])[]): Tensor => ({
  type: 'float32',
  data: Float32Array.from(vectors.flat()),
  shape: [1, vectors.length, vectors[0]?.length ?? 0],
})

describe('pooling', () => {
  const tokens = hidden([1, 2], [3, 4], [8, 0])
  test.each([
    ['mean', [4, 2]],
    ['cls', [1, 2]],
    ['last', [8, 0]],
    ['max', [8, 4]],
    ['mean_sqrt_len', [expect.closeTo(12 / Math.sqrt(3), 5), expect.closeTo(6 / Math.sqrt(3), 5)]],
    ['weighted_mean', [expect.closeTo((1 + 2 * 3 + 3 * 8) / 6, 5), expect.closeTo((2 + 2 * 4) / 6, 5)]],
  ] as const)('takes the %s of the tokens', (pooling, expected) => {
    expect([...poolTokens(tokens, pooling)]).toEqual(expected)
  })

  test('scales to length one, but leaves a vector of zeros as it is', () => {
    expect([...normalized(Float32Array.of(3, 4), true)]).toEqual([
      expect.closeTo(0.6, 6),
      expect.closeTo(0.8, 6),
    ])
    expect([...normalized(Float32Array.of(0, 0), true)]).toEqual([0, 0])
  })

  test('accepts a vector that the graph pooled itself', () => {
    const pooled: Tensor = { type: 'float32', data: Float32Array.of(1, 2, 3), shape: [1, 3] }
    expect([...poolTokens(pooled, 'mean')]).toEqual([1, 2, 3])
  })

  test('refuses an output that is not an embedding', () => {
    expect(() => normalized(Float32Array.of(Number.NaN), false)).toThrow(
      expect.objectContaining({ code: 'model_output_invalid' }),
    )
    const two: Tensor = { type: 'float32', data: new Float32Array(8), shape: [2, 2, 2] }
    expect(() => poolTokens(two, 'mean')).toThrow(expect.objectContaining({ code: 'model_output_invalid' }))
  })
})

describe('a dense layer', () => {
  const spec = {
    file: { path: '2_Dense/model.safetensors', size: 1, sha256: '0'.repeat(64) },
    inputs: 2,
    outputs: 3,
    bias: true,
    activation: 'tanh' as const,
  }
  const weight = { shape: [3, 2], data: [1, 0, 0, 2, 1, 1] }
  const bias = { shape: [3], data: [0.5, 0, -1] }
  const both = safetensors({ 'linear.weight': weight, 'linear.bias': bias })
  const vector = Float32Array.of(0.25, -0.5)

  test('is a matrix, a bias and an activation', () => {
    const sums = [0.75, -1, -1.25]
    const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6))
    expect([...readDenseLayer(both, spec)(vector)]).toEqual(close(sums.map(Math.tanh)))
    const relu = readDenseLayer(both, { ...spec, activation: 'relu' })
    expect([...relu(vector)]).toEqual(close([0.75, 0, 0]))
    const alone = safetensors({ 'linear.weight': weight })
    const linear = readDenseLayer(alone, { ...spec, bias: false, activation: 'identity' })
    expect([...linear(vector)]).toEqual(close([0.25, -1, -0.25]))
  })

  test.each<[string, Uint8Array, string]>([
    ['no safetensors file', new TextEncoder().encode('<!doctype html>'), 'model_invalid'],
    ['an empty file', new Uint8Array(), 'model_invalid'],
    ['no bias', safetensors({ 'linear.weight': weight }), 'model_invalid'],
    [
      'another shape',
      safetensors({ 'linear.weight': { ...weight, shape: [2, 3] }, 'linear.bias': bias }),
      'model_invalid',
    ],
    ['a cut file', both.slice(0, -4), 'model_invalid'],
    ['halves', safetensors({ 'linear.weight': weight, 'linear.bias': bias }, 'F16'), 'not_supported'],
  ])('refuses %s', (_what, bytes, code) => {
    expect(() => readDenseLayer(bytes, spec)).toThrow(expect.objectContaining({ code }))
  })

  test('refuses a vector of another size', () => {
    expect(() => readDenseLayer(both, spec)(new Float32Array(3))).toThrow(
      expect.objectContaining({ code: 'model_output_invalid' }),
    )
  })
})

describe('embedding', () => {
  const reader = { tokenizer: tokenizerOf(), layers: [] }
  const manifest: Manifest = {
    schema: 1,
    id: 'encoder',
    version: '1',
    title: 'Encoder',
    description: '',
    license: 'MIT',
    task: 'feature-extraction',
    batchAxis: 0,
    tolerance: 0,
    variants: [],
    inputs: [
      { name: 'input_ids', type: 'int64', shape: [-1, -1] },
      { name: 'attention_mask', type: 'int64', shape: [-1, -1] },
    ],
    outputs: [{ name: 'last_hidden_state', type: 'float32', shape: [-1, -1, 2] }],
    embedding: { pooling: 'mean', normalize: false, context: 8 },
  }
  const run = async (inputs: Readonly<Record<string, Tensor>>) => {
    const ids = [...(inputs.input_ids?.data ?? [])].map(Number)
    return { last_hidden_state: hidden(...ids.map((id) => [id, 1])) }
  }

  test('runs each text by itself and returns the vectors in order', async () => {
    const { embeddings, promptTokens } = await embed(manifest, reader, ['ab', [5, 7, 9]], run)
    expect(embeddings.map((vector) => [...vector])).toEqual([
      [(97 + 98) / 2, 1],
      [7, 1],
    ])
    expect(promptTokens).toBe(5)
  })

  test.each([
    ['', 'input_value_invalid'],
    ['far too long', 'context_exceeded'],
  ])('refuses %j as %s', async (text, code) => {
    await expect(embed(manifest, reader, [text], run)).rejects.toMatchObject({ code })
  })

  test('reads the beginning of a text that is too long where that is asked, with the special tokens that end it', async () => {
    const text = 'far too long\0'
    const { embeddings, promptTokens, truncated } = await embed(manifest, reader, ['ab', text], run, {
      truncate: true,
    })
    expect(truncated).toEqual([1])
    expect(promptTokens).toBe(2 + 8)
    const read = [...'far too', '\0'].map((character) => character.codePointAt(0) ?? 0)
    expect(embeddings[1]?.[0]).toBeCloseTo(read.reduce((sum, token) => sum + token, 0) / 8, 4)
    await expect(embed(manifest, reader, [''], run, { truncate: true })).rejects.toMatchObject({
      code: 'input_value_invalid',
    })
  })

  test('refuses a model without embeddings', async () => {
    await expect(embed({ ...manifest, embedding: undefined }, reader, ['a'], run)).rejects.toMatchObject({
      code: 'not_supported',
    })
  })
})
