import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { hasOperator, usesOperator } from '../../workers/lane/engine/operators.ts'
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
