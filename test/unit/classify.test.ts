import { describe, expect, test } from 'vitest'
import type { Manifest, Tensor } from '../../models/core/index.ts'
import { classify, readClassification } from '../../server/routes/oip/classify.ts'
import { digitsManifest } from '../support/test-models.ts'

const all = { count: 10, hasRows: false, labels: [] }

describe('the highest values', () => {
  test.each<[string, Tensor, string[]]>([
    [
      'floats',
      { type: 'float32', data: new Float32Array([0.1, -3, 1e-7, 0.7]), shape: [4] },
      ['0.7:3', '0.1:0', '1e-7:2', '-3:1'],
    ],
    [
      'equal ones',
      { type: 'int8', data: new Int8Array([1, 2, 1, 2]), shape: [4] },
      ['2:1', '2:3', '1:0', '1:2'],
    ],
    [
      'no numbers',
      { type: 'float64', data: new Float64Array([Number.NaN, -1 / 0, 1 / 3, 1 / 0]), shape: [4] },
      ['Infinity:3', '0.3333333333333333:2', '-Infinity:1', 'NaN:0'],
    ],
    [
      'large integers',
      { type: 'int64', data: new BigInt64Array([2n ** 60n, 2n ** 60n + 1n]), shape: [2] },
      ['1152921504606846977:1', '1152921504606846976:0'],
    ],
    [
      'halves',
      { type: 'float16', data: new Uint16Array([0x3c00, 0x4000, 0x2e66]), shape: [3] },
      ['2:1', '1:0', '0.099975586:2'],
    ],
    ['nothing', { type: 'float32', data: new Float32Array(0), shape: [0] }, []],
  ])('are in order: %s', (_what, tensor, strings) => {
    expect(classify(tensor, all)).toEqual({ type: 'string', data: strings, shape: [strings.length] })
  })

  test('are of each row, with the labels of its positions', () => {
    const tensor: Tensor = { type: 'float32', data: new Float32Array([1, 2, 3, 6, 5, 4]), shape: [2, 3] }
    const labels = ['a', 'b', 'c']
    expect(classify(tensor, { count: 2, hasRows: true, labels })).toEqual({
      type: 'string',
      data: ['3:2:c', '2:1:b', '6:0:a', '5:1:b'],
      shape: [2, 2],
    })
    // Two names for three positions are of something else.
    expect(classify(tensor, { count: 1, hasRows: true, labels: ['a', 'b'] }).data).toEqual(['3:2', '6:0'])
    expect(
      classify({ ...tensor, data: new Float32Array(0), shape: [0, 3] }, { count: 1, hasRows: true, labels }),
    ).toEqual({ type: 'string', data: [], shape: [0, 0] })
  })
})

describe('the parameter', () => {
  const [logits] = digitsManifest.outputs
  const withOutput = (change: object): Manifest => ({
    ...digitsManifest,
    outputs: [{ name: 'logits', type: 'float32', shape: [-1, 10], ...logits, ...change }],
  })

  test('may be absent', () => {
    for (const absent of [undefined, null])
      expect(readClassification(digitsManifest, 'logits', absent)).toBeUndefined()
  })

  test.each([0, -1, 1.5, true, '2', Number.NaN])('is refused where it is %s', (count) => {
    expect(() => readClassification(digitsManifest, 'logits', count)).toThrow('a whole number above zero')
  })

  test.each([
    [{ type: 'string' as const }, 'expected an output of numbers, got string'],
    [{ type: 'bool' as const }, 'expected an output of numbers, got bool'],
    [{ batchAxis: 1 }, 'got along axis 1'],
  ])('is refused for an output of %j', (change, message) => {
    expect(() => readClassification(withOutput(change), 'logits', 2)).toThrow(message)
  })
})
