import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import {
  checkInputs,
  checkSessionInputs,
  type Inputs,
  type Manifest,
  type TensorType,
} from '../../models/core/index.ts'
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

  test('takes arrays of strings, bare or with a shape, and tensors of any shape with theirs', () => {
    const manifest: Manifest = {
      ...digitsManifest,
      batchAxis: null,
      inputs: [
        { name: 'city', type: 'string', shape: [-1, 1] },
        { name: 'any', type: 'float32', shape: null },
      ],
    }
    const city = ['Rome', 'Bern']
    const any = { data: new Float32Array(6), shape: [2, 3] }
    expect(checkInputs(manifest, { city, any }).tensors).toEqual({
      city: { type: 'string', data: city, shape: [2, 1] },
      any: { type: 'float32', ...any },
    })
    const refused: [Inputs, string][] = [
      [{ city: ['Rome', 1] as string[], any }, 'expected an array of strings (string), got Array'],
      [{ city: ['a\0b'], any }, 'expected a string without U+0000 and lone surrogates, got "a\\u0000b"'],
      [{ city: ['😀', '\ud800'], any }, 'invalid element at 1'],
      [{ city: new Uint8Array(2), any }, 'expected an array of strings (string), got Uint8Array'],
      [{ city, any: new Float32Array(6) }, 'expected { data, shape } with any shape'],
      [{ city, any: { ...any, shape: [2, -3] } }, 'expected any shape, got [2, -3]'],
    ]
    for (const [inputs, message] of refused) expect(() => checkInputs(manifest, inputs)).toThrow(message)
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
      'one that every object seems to have',
      { image, toString: image } as Inputs,
      'input_name_invalid',
      'no input "toString"',
    ],
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
    ['a number', 3, 'got number'],
    ['an array of numbers', [1, 2], 'got Array. Float32Array.from(list) makes one'],
    ['an array of numbers with a shape', { data: [1, 2], shape: [1, 2] }, 'got Array'],
    ['an object without data', { values: image }, 'got Object'],
    [
      'a shape that is a typed array',
      { data: image, shape: new Uint32Array([1, 1, 28, 28]) },
      'got Uint32Array',
    ],
    ['a shape that is a word', { data: image, shape: 'square' }, 'got string'],
  ])('refuses %s, which plain JavaScript can pass', (_what, value, message) => {
    expect(() => checkInputs(digitsManifest, { image: value } as Inputs)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    )
  })

  const open = (type: TensorType): Manifest => ({
    ...digitsManifest,
    inputs: [{ name: 'x', type, shape: [2, -1] }],
    batchAxis: null,
  })

  test('takes arrays of another realm', () => {
    const foreign: Float32Array = runInNewContext('Float32Array.of(1, 2, 3, 4).subarray(2)')
    expect(foreign).not.toBeInstanceOf(Float32Array)
    const { tensors } = checkInputs(open('float32'), { x: foreign })
    expect(tensors.x).toEqual({ type: 'float32', data: Float32Array.of(3, 4), shape: [2, 1] })
    const shaped = checkInputs(open('float32'), { x: { data: foreign, shape: runInNewContext('[2, 1]') } })
    expect(shaped.tensors.x?.data).toBeInstanceOf(Float32Array)
  })

  test("takes a picture's Uint8ClampedArray for uint8, and for no signed type", () => {
    const x = Uint8ClampedArray.of(1, 255)
    expect(checkInputs(open('uint8'), { x }).tensors.x?.data).toEqual(Uint8Array.of(1, 255))
    expect(() => checkInputs(open('int8'), { x })).toThrow(
      'expected a Int8Array (int8), got Uint8ClampedArray',
    )
  })

  test('takes a Float16Array for float16, as its bits', () => {
    // Node's engine has no Float16Array: an array of that name over the same bytes.
    class Float16Array extends Uint16Array {
      override get [Symbol.toStringTag](): 'Uint16Array' {
        return 'Float16Array' as 'Uint16Array'
      }
    }
    const x = Float16Array.of(0x3c00, 0x4000)
    expect(checkInputs(open('float16'), { x }).tensors.x?.data).toBeInstanceOf(Uint16Array)
    expect(() => checkInputs(open('uint16'), { x: new Float32Array(2) })).toThrow('got Float32Array')
  })

  test('takes sizes of 0, as bare arrays too', () => {
    const none = new BigInt64Array(0)
    expect(checkInputs(open('int64'), { x: { data: none, shape: [2, 0] } }).tensors.x?.shape).toEqual([2, 0])
    expect(checkInputs(open('int64'), { x: none }).tensors.x?.shape).toEqual([2, 0])
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

describe('inputs of a model with state', () => {
  const vad: Manifest = {
    ...digitsManifest,
    id: 'vad',
    inputs: [
      { name: 'frame', type: 'float32', shape: [-1, 4] },
      { name: 'state', type: 'float32', shape: [2, -1, 3], batchAxis: 1 },
      { name: 'rate', type: 'int64', shape: [], batchAxis: null, default: 16_000 },
    ],
    outputs: [
      { name: 'speech', type: 'float32', shape: [-1, 1] },
      { name: 'next', type: 'float32', shape: [2, -1, 3], batchAxis: 1 },
    ],
    state: [{ input: 'state', output: 'next' }],
  }
  const frame = new Float32Array(4)
  const state = { data: new Float32Array(12), shape: [2, 2, 3] }

  test('a run without a session takes the state like any other input', () => {
    const { tensors, rows } = checkInputs(vad, { frame: { data: new Float32Array(8), shape: [2, 4] }, state })
    expect(rows).toBe(2)
    expect(tensors.rate).toEqual({ type: 'int64', data: BigInt64Array.of(16_000n), shape: [] })
    expect(checkInputs(vad, { frame, state: new Float32Array(6) }).tensors.state?.shape).toEqual([2, 1, 3])
  })

  test('an input of the caller replaces a default', () => {
    const { tensors } = checkSessionInputs(vad, { frame, rate: BigInt64Array.of(8_000n) })
    expect(tensors.rate?.data).toEqual(BigInt64Array.of(8_000n))
  })

  test('a session takes the inputs that are not its state', () => {
    expect(Object.keys(checkSessionInputs(vad, { frame }).tensors)).toEqual(['frame', 'rate'])
  })

  test.each<[string, () => unknown, string, string]>([
    [
      'no state on its own',
      () => checkInputs(vad, { frame }),
      'input_name_invalid',
      'Input "state" of vad is missing: expected frame, state, rate, got frame. Open a session with model.createSession()',
    ],
    [
      'a state in a session',
      () => checkSessionInputs(vad, { frame, state }),
      'input_name_invalid',
      'vad has no input "state": expected frame, rate, got frame, state. The session keeps it',
    ],
    [
      'a state of other rows',
      () => checkInputs(vad, { frame, state }),
      'input_shape_invalid',
      'expected 1 row in "state"',
    ],
    [
      'rows in what has none',
      () => checkSessionInputs(vad, { frame, rate: { data: new BigInt64Array(1), shape: [1] } }),
      'input_shape_invalid',
      'expected [] (-1: any size), got [1]',
    ],
  ])('refuses %s', (_what, check, code, message) => {
    expect(check).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })
})
