import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Backend } from '../../models/core/index.ts'
import { parseManifest } from '../../models/core/manifest-schema.ts'
import { graphBytes, readDecoderSetup } from '../../workers/lane/engine/create-session.ts'
import { hasOperator, usesOperator } from '../../workers/lane/engine/operators.ts'
import type { Ort } from '../../workers/lane/runtime/ort.ts'
import type { GraphSource } from '../../workers/protocol/lane.ts'
import { roundsInBranch, roundsInFunction } from '../support/nested-models.ts'

const read = (path: string) =>
  new Uint8Array(readFileSync(new URL(`../../models/catalogue/${path}`, import.meta.url)))
const bard = read('bard/q8/model.onnx')

describe('the operators of a graph', () => {
  test('are found by their full name', () => {
    expect(hasOperator(bard, 'GroupQueryAttention')).toBe(true)
    expect(hasOperator(bard, 'GroupQuery')).toBe(false)
  })

  test('are those of its nodes: other names do not count', () => {
    expect(new TextDecoder('latin1').decode(bard)).toContain('past_key_values.0.key')
    expect(hasOperator(bard, 'past_key_values.0.key')).toBe(false)
    expect(hasOperator(read('digits/fp32/model.onnx'), 'GroupQueryAttention')).toBe(false)
  })

  test.each([
    ['a branch', roundsInBranch()],
    ['a function', roundsInFunction()],
  ])('are those of the main graph, or also those in %s', (_where, graph) => {
    expect(hasOperator(graph, 'DynamicQuantizeLinear')).toBe(false)
    expect(usesOperator(graph, 'DynamicQuantizeLinear')).toBe(true)
    expect(usesOperator(graph, 'DynamicQuantize')).toBe(false)
  })

  test('are none in a file that is no graph', () => {
    expect(hasOperator(new Uint8Array(), 'GroupQueryAttention')).toBe(false)
    expect(hasOperator(new TextEncoder().encode('<!doctype html>'), 'GroupQueryAttention')).toBe(false)
    expect(hasOperator(bard.subarray(0, 100), 'GroupQueryAttention')).toBe(false)
    expect(usesOperator(bard.subarray(0, 100), 'GroupQueryAttention')).toBe(false)
  })
})

const manifest = parseManifest(JSON.parse(new TextDecoder().decode(read('bard/manifest.json'))), 'bard')

describe('whether sequences share a step', () => {
  const { generation: spec } = manifest
  if (!spec) throw new Error('bard is a language model')
  const { batched: _, ...unsaid } = spec
  const setup = { spec: unsaid, kvType: 'float32', slots: 8, maxSlots: 8, maxBytes: 2 ** 20 } as const
  const path = 'bard.onnx'

  test.each<[string, boolean | undefined, GraphSource, Pick<Ort, 'readFile'>]>([
    ['the bytes of a graph', true, { from: 'bytes', graph: bard.slice().buffer, external: [] }, {}],
    ['a file', true, { from: 'file', path }, { readFile: async () => bard }],
    [
      'a file of another model',
      false,
      { from: 'file', path },
      { readFile: async () => read('digits/q8/model.onnx') },
    ],
    ['a file that cannot be read', undefined, { from: 'file', path }, {}],
  ])('is read from %s', async (_what, batched, source, ort) => {
    const graph = await graphBytes(ort, source)
    expect(readDecoderSetup(setup, 'cpu', graph).spec.batched).toBe(batched)
  })

  test('is what the manifest says, where it does', () => {
    const said = { ...setup, spec: { ...spec, batched: false } }
    expect(readDecoderSetup(said, 'cpu', bard).spec).toEqual(said.spec)
  })
})

test.each<[string, boolean, Uint8Array | undefined, Backend]>([
  ['of weights in 8 bits on a GPU', true, bard, 'webgpu'],
  ['of weights in 8 bits on a CPU, which rounds what they are multiplied with', false, bard, 'cpu'],
  ['that takes its scale from all tokens', false, roundsInFunction(), 'webgpu'],
  ['that cannot be read', false, undefined, 'cpu'],
])('whether tokens are chosen several at once from a graph %s: %s', (_what, isExact, graph, backend) => {
  const { generation: spec } = manifest
  if (!spec) throw new Error('bard is a language model')
  const setup = { spec, kvType: 'float32', slots: 8, maxSlots: 8, maxBytes: 2 ** 20 } as const
  expect(readDecoderSetup(setup, backend, graph).isExact).toBe(isExact)
})
