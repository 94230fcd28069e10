import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createData, type Tensor, type TensorType, tensorTypes } from '../../models/core/index.ts'
import { decodeTensor, encodeTensor } from '../../models/protocols/oip.ts'
import type { WireTensor } from '../../models/protocols/oip-schemas.ts'
import { stringifyJson } from '../../models/protocols/raw-numbers.ts'
import { parseExactIntegers } from '../../server/routes/oip/exact-integers.ts'

const encodable = tensorTypes.filter((type) => type !== 'float16')

const elements: Readonly<Record<Exclude<TensorType, 'float16'>, fc.Arbitrary<unknown>>> = {
  float32: fc.float(),
  float64: fc.double(),
  int8: fc.integer({ min: -128, max: 127 }),
  uint8: fc.nat(255),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  uint16: fc.nat(65_535),
  int32: fc.integer(),
  uint32: fc.nat(2 ** 32 - 1),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  bool: fc.nat(1),
  string: fc.string({ unit: 'grapheme' }),
}

function tensorOf(type: Exclude<TensorType, 'float16'>): fc.Arbitrary<Tensor> {
  return fc.array(elements[type], { minLength: 1, maxLength: 24 }).map((values) => {
    const data = createData(type, values.length)
    for (const [index, value] of values.entries()) Reflect.set(data, index, value)
    return { type, data, shape: [values.length] }
  })
}

const wire = (datatype: string, data: unknown[], shape = [data.length]) => ({
  name: 'x',
  datatype,
  shape,
  data,
})

describe('Open Inference Protocol tensors', () => {
  test.each(encodable)('%s survives JSON unchanged', (type) => {
    fc.assert(
      fc.property(tensorOf(type), (tensor) => {
        const text = stringifyJson(encodeTensor('x', tensor))
        // Any other parser reads the same text.
        expect(JSON.parse(text).data).toHaveLength(tensor.data.length)
        const back = decodeTensor(parseExactIntegers(new TextEncoder().encode(text)) as WireTensor)
        expect([...back.data]).toEqual([...tensor.data])
        expect({ type: back.type, shape: back.shape }).toEqual({ type, shape: tensor.shape })
      }),
    )
  })

  test('takes data nested like its shape', () => {
    const { data } = decodeTensor(
      wire(
        'FP32',
        [
          [1, 2],
          [3, 4],
        ],
        [2, 2],
      ),
    )
    expect([...data]).toEqual([1, 2, 3, 4])
  })

  test.each<[string, ReturnType<typeof wire>, string, string]>([
    ['an unknown datatype', wire('FP31', [1]), 'input_type_invalid', 'got FP31'],
    ['a half float', wire('FP16', [1]), 'not_supported', 'FP16'],
    ['too few elements', wire('FP32', [1], [2]), 'input_size_invalid', 'expected 2 for shape [2], got 1'],
    ['a shape of 10^12 elements', wire('FP32', [1], [1e6, 1e6]), 'input_size_invalid', 'got 1'],
    [
      'null, as JSON writes NaN',
      wire('FP32', [null, null]),
      'input_value_invalid',
      'invalid element at 0: expected a FP32 number, got null',
    ],
    ['a word', wire('FP32', [1, 'nan']), 'input_value_invalid', 'invalid element at 1'],
    ['NaN for an integer', wire('INT32', ['NaN']), 'input_value_invalid', 'invalid element at 0'],
    ['a number for a string', wire('BYTES', ['a', 1]), 'input_value_invalid', 'a string, got 1'],
    [
      'an integer past its type',
      wire('UINT8', [256]),
      'input_value_invalid',
      'expected a UINT8 number, got 256',
    ],
    ['a fraction for an integer', wire('INT32', [0.5]), 'input_value_invalid', 'got 0.5'],
    ['an integer past 2^53', wire('INT64', [2 ** 60]), 'input_value_invalid', 'INT64'],
    ['an integer past 64 bits', wire('INT64', [2n ** 63n]), 'input_value_invalid', 'got 9223372036854775808'],
    ['a negative UINT64', wire('UINT64', [-1]), 'input_value_invalid', 'got -1'],
    [
      'ragged data',
      wire('FP32', [[1, 2, 3], [4]], [2, 2]),
      'input_size_invalid',
      'expected lists of 2 at depth 2, got a list of 3',
    ],
    ['data nested deeper than its shape', wire('FP32', [[1]], [1]), 'input_value_invalid', 'got [1]'],
    ['data nested less than its shape', wire('FP32', [[1, 2]], [1, 2, 1]), 'input_size_invalid', 'depth 3'],
    ['a number past float32', wire('FP32', [1e39]), 'input_value_invalid', 'got 1e+39'],
    ['a boolean for a number', wire('FP32', [true]), 'input_value_invalid', 'got true'],
  ])('refuses %s', (_what, tensor, code, message) => {
    expect(() => decodeTensor(tensor)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  test('has a JSON form for what JSON has no numbers for', () => {
    const data = new Float32Array([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    const text = stringifyJson(encodeTensor('x', { type: 'float32', data, shape: [3] }))
    expect(JSON.parse(text).data).toEqual(['NaN', 'Infinity', '-Infinity'])
  })
})
