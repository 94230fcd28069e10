import { describe, expect, test } from 'vitest'
import { checkInputs, type Inputs, type Manifest } from '../../models/index.ts'
import { digitsManifest } from '../support/test-models.ts'

const image = new Float32Array(784)

const twoInputs: Manifest = {
  ...digitsManifest,
  inputs: [
    { name: 'a', type: 'float32', shape: [-1, 2] },
    { name: 'b', type: 'int64', shape: [-1, -1] },
  ],
}

describe('checkInputs', () => {
  test('takes a bare array as one row of the shape in the manifest', () => {
    const { tensors, rows } = checkInputs(digitsManifest, { image })
    expect(rows).toBe(1)
    expect(tensors.image).toEqual({ type: 'float32', data: image, shape: [1, 1, 28, 28] })
    expect(tensors.image?.data).toBe(image)
  })

  test('takes several rows with their shape', () => {
    const data = new Float32Array(3 * 784)
    expect(checkInputs(digitsManifest, { image: { data, shape: [3, 1, 28, 28] } }).rows).toBe(3)
  })

  test('finds the one open size of a bare array from its length', () => {
    const { tensors } = checkInputs(twoInputs, { a: new Float32Array(2), b: new BigInt64Array(5) })
    expect(tensors.b?.shape).toEqual([1, 5])
  })

  test.each<[string, Inputs, string, string]>([
    ['no input', {}, 'input_name_invalid', 'expected image, got no input'],
    [
      'a wrong name',
      { picture: image },
      'input_name_invalid',
      'no input "picture": expected image, got picture',
    ],
    ['one input too many', { image, mask: image }, 'input_name_invalid', 'no input "mask"'],
    [
      'a wrong type',
      { image: new Float64Array(784) },
      'input_type_invalid',
      'expected a Float32Array (float32), got Float64Array',
    ],
    [
      'too few elements',
      { image: new Float32Array(783) },
      'input_size_invalid',
      'expected 784 for shape [1, 1, 28, 28], got 783',
    ],
    ['no element', { image: new Float32Array(0) }, 'input_size_invalid', 'got 0'],
    [
      'a wrong shape',
      { image: { data: image, shape: [1, 28, 28] } },
      'input_shape_invalid',
      'got [1, 28, 28]',
    ],
    [
      'no rows',
      { image: { data: new Float32Array(0), shape: [0, 1, 28, 28] } },
      'input_shape_invalid',
      'got [0, 1, 28, 28]',
    ],
    [
      'half a row',
      { image: { data: image, shape: [0.5, 1, 28, 28] } },
      'input_shape_invalid',
      'got [0.5, 1, 28, 28]',
    ],
    [
      'a shape past the data',
      { image: { data: image, shape: [1e9, 1, 28, 28] } },
      'input_size_invalid',
      'expected 784000000000',
    ],
  ])('refuses %s', (_what, inputs, code, message) => {
    expect(() => checkInputs(digitsManifest, inputs)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'got nothing'],
    ['a number', 3, 'got nothing'],
    ['an array of numbers', [1, 2], 'got nothing'],
    ['a shape that is a word', { data: image, shape: 'square' }, 'got string'],
  ])('refuses %s, which plain JavaScript can pass', (_what, value, message) => {
    expect(() => checkInputs(digitsManifest, { image: value } as Inputs)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    )
  })

  test('refuses inputs that differ in rows', () => {
    const inputs: Inputs = {
      a: { data: new Float32Array(4), shape: [2, 2] },
      b: { data: new BigInt64Array(3), shape: [3, 1] },
    }
    expect(() => checkInputs(twoInputs, inputs)).toThrow(
      expect.objectContaining({
        code: 'input_shape_invalid',
        message: expect.stringContaining('expected 2 rows in "b"'),
      }),
    )
  })
})
