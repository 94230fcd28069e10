import { describe, expect, test } from 'vitest'
import type { Manifest, Tensor } from '../../models/core/index.ts'
import { embed } from '../../workers/host/text/embedding/embedder.ts'
import { poolTokens } from '../../workers/host/text/embedding/pool-tokens.ts'
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
  ] as const)('takes the %s of the tokens', (pooling, expected) => {
    expect([...poolTokens(tokens, { pooling, normalize: false })]).toEqual(expected)
  })

  test('scales to length one, but leaves a vector of zeros as it is', () => {
    expect([...poolTokens(hidden([3, 4]), { pooling: 'cls', normalize: true })]).toEqual([
      expect.closeTo(0.6, 6),
      expect.closeTo(0.8, 6),
    ])
    expect([...poolTokens(hidden([0, 0]), { pooling: 'cls', normalize: true })]).toEqual([0, 0])
  })

  test('accepts a vector that the graph pooled itself', () => {
    const pooled: Tensor = { type: 'float32', data: Float32Array.of(1, 2, 3), shape: [1, 3] }
    expect([...poolTokens(pooled, { pooling: 'mean', normalize: false })]).toEqual([1, 2, 3])
  })

  test('refuses an output that is not an embedding', () => {
    expect(() => poolTokens(hidden([Number.NaN]), { pooling: 'mean', normalize: false })).toThrow(
      expect.objectContaining({ code: 'model_output_invalid' }),
    )
    const two: Tensor = { type: 'float32', data: new Float32Array(8), shape: [2, 2, 2] }
    expect(() => poolTokens(two, { pooling: 'mean', normalize: true })).toThrow(
      expect.objectContaining({ code: 'model_output_invalid' }),
    )
  })
})

describe('embedding', () => {
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
    const { embeddings, promptTokens } = await embed(manifest, tokenizerOf(), ['ab', [5, 7, 9]], run)
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
    await expect(embed(manifest, tokenizerOf(), [text], run)).rejects.toMatchObject({ code })
  })

  test('refuses a model without embeddings', async () => {
    await expect(
      embed({ ...manifest, embedding: undefined }, tokenizerOf(), ['a'], run),
    ).rejects.toMatchObject({
      code: 'not_supported',
    })
  })
})
